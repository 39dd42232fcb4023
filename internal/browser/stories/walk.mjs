// Everybody at every door: each page of the tables, asked for by each role and by nobody, is a page, a way to sign in, or a refusal.
import { randomUUID } from 'node:crypto';

export const languages = ['fr'];

const people = { agent: 'bruno', psychologist: 'farah', supervisor: 'etienne', inspector: 'gilles', privacy_officer: 'hana' };

/** Asks for a page with a browser's cookies, which stay as they are whatever the answer says. */
async function ask(base, { method, path }, cookie) {
  const address = base + path.replace(/\{number\}/g, '1').replace(/\{seq\}/g, '1').replace(/\{[a-z]+\}/g, randomUUID());
  const options = { method, redirect: 'manual', headers: { 'Accept-Language': 'fr', ...(cookie ? { Cookie: cookie } : {}) } };
  if (method !== 'GET') Object.assign(options, { body: '', headers: { ...options.headers, 'Content-Type': 'application/x-www-form-urlencoded' } });
  const res = await fetch(address, options);
  return { status: res.status, text: await res.text(), address: `${method} ${path}` };
}

export async function story({ staff, machine, at, Caller, must, step }) {
  const tables = await machine.pages();
  const cookies = {};
  for (const [role, account] of Object.entries(people)) {
    const page = await staff(account);
    const cookie = (await page.context().cookies(at.staff)).find((c) => c.name === 'staff');
    cookies[role] = `staff=${cookie.value}`;
  }
  step(`five roles have signed in`);

  const faults = [];
  const check = (is, who, got, wanted) => { if (!is) faults.push(`${got.address} as ${who}: ${got.status}, ${wanted} was expected`); };
  let doors = 0;
  for (const one of tables.staff) {
    let got = await ask(at.staff, one);
    check(got.status === 401 && got.text.includes('Se connecter'), 'nobody', got, 'a way to sign in');
    for (const role of Object.keys(people)) {
      got = await ask(at.staff, one, cookies[role]);
      doors++;
      const refused = got.status === 403 && got.text.includes('role.not_allowed');
      if (!one.who.includes(role)) check(refused, role, got, 'a refusal');
      else if (one.method === 'GET' && !one.path.includes('{')) check(got.status === 200 || got.status === 303, role, got, 'the page');
      else check(!refused && got.status !== 401 && got.status < 500, role, got, 'what the page does');
    }
  }
  step(`${doors} doors of staff`);

  const minor = await Caller.minor();
  // Leaving ends the token, so it comes last.
  for (const one of tables.public.toSorted((a, b) => (a.path === '/leave') - (b.path === '/leave'))) {
    const child = !one.who.includes('anyone');
    let got = await ask(at.public, one);
    if (child) check(got.status === 401, 'nobody', got, 'the way back with the phrase');
    else check(got.status !== 401 && got.status < 500, 'nobody', got, 'what the page does');
    got = await ask(at.public, one, `chat=${minor.token}`);
    check(got.status !== 401 && got.status < 500, 'a minor', got, 'what the page does');
    got = await ask(at.public, one, cookies.agent);
    if (child) check(got.status === 401, 'an agent', got, 'nothing that is theirs');
  }
  must(faults.length === 0, `\n  ${faults.join('\n  ')}`);
  step(`${tables.public.length * 3} doors of minors`);
}
