// What a story asks of the machine rather than of a page, and what it arranges by the API to begin in the middle.
import { randomUUID } from 'node:crypto';

export const at = {
  public: process.env.SCEAU_PUBLIC, staff: process.env.SCEAU_STAFF, issuer: process.env.SCEAU_ISSUER,
  build: process.env.SCEAU_BUILD,
};

async function ask(path) {
  const res = await fetch(process.env.SCEAU_CONTROL + path, { method: 'POST' });
  if (!res.ok) throw new Error(`${path}: ${await res.text()}`);
  return res.json();
}

export const machine = {
  token: (account) => ask(`/token/${account}`),
  password: (account) => ask(`/password/${account}`),
  kill: (process) => ask(`/kill/${process}`),
  start: (process) => ask(`/start/${process}`),
  caseOf: (token) => ask(`/case/${token}`),
  pages: () => ask('/pages'),
  entries: (id) => ask(`/entries/${id}`),
};

/** Somebody who uses the API: a minor with the conversation's token, or a member of staff. */
export class Caller {
  constructor(base, token, role) { Object.assign(this, { base, token, role }); }

  static async staff(account, role) { return new Caller(at.staff, await machine.token(account), role); }

  /** Opens a conversation as a minor does. */
  static async minor(postal_code = '35000', topic = 'threats') {
    const anyone = new Caller(at.public);
    for (let tries = 0; ; tries++) {
      try {
        const { token } = await anyone.send('POST', '/conversations', { postal_code, topic });
        return new Caller(at.public, token);
      } catch (e) {
        if (e.code !== 'conversation.no_ready_key' || tries > 100) throw e;
        await new Promise((r) => setTimeout(r, 100));
      }
    }
  }

  async send(method, path, body) {
    const headers = { 'Idempotency-Key': randomUUID() };
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    if (this.role) headers['Sceau-Role'] = this.role;
    if (body) headers['Content-Type'] = 'application/json';
    const res = await fetch(`${this.base}/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
    const said = res.status === 204 ? null : await res.json();
    if (!res.ok) throw Object.assign(new Error(`${method} ${path}: ${said.code}: ${said.detail || said.title}`), { code: said.code });
    return said;
  }

  get(path) { return this.send('GET', path); }
  say(text) { return this.send('POST', '/conversation/messages', { text }); }
}

/** A conversation that both sides are in, arranged by the API. */
export async function talk(account = 'amal', says = []) {
  const minor = await Caller.minor();
  const id = await machine.caseOf(minor.token);
  const agent = await Caller.staff(account);
  await agent.send('POST', `/conversations/${id}/join`);
  for (const text of says) await minor.say(text);
  return { id, minor, agent };
}

/** The answers on which policy lets imminent danger be asked. */
export const danger = {
  immediacy: 'now', violence: 'ongoing', suicide: 'none', perpetrator_present: 'yes', captive: 'no', age_band: '13_15', alone: 'no', location_known: 'no',
};

/** Asks for an escalation as the agent of a conversation, citing its first message. */
export async function request(told, more = {}) {
  const { messages } = await told.agent.get(`/conversations/${told.id}/messages?from=1`);
  return told.agent.send('POST', `/conversations/${told.id}/escalations`, {
    ground: 'imminent_danger', facets: ['connection'], narrative: 'Il est devant la porte, elle est seule.', assessment: danger,
    evidence: [{ position: messages[0].position, sha256: messages[0].sha256 }], ...more,
  });
}
