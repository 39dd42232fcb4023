// A provider that nobody here wrote: its own form, its own consent, its own tokens, which the custodian believes too.
export const languages = ['fr', 'en'];

export async function story({ visitor, at, must, step, T, Caller, machine }) {
  const child = await Caller.minor();
  await child.say('Il est encore devant la porte.');
  const page = await visitor();
  await page.goto(at.staff + '/');
  await page.getByRole('button', { name: T('Se connecter', 'Sign in'), exact: true }).click();
  await page.waitForURL((url) => url.origin === at.issuer);
  must(new URL(page.url()).pathname.startsWith('/interaction/'), 'the provider shows its form');
  await page.getByLabel('Account').fill('amal');
  await page.getByLabel('Password').fill('wrong');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').waitFor();
  await page.getByLabel('Account').fill('amal');
  await page.getByLabel('Password').fill('amal');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.waitForURL((url) => url.origin === at.staff && !url.pathname.startsWith('/sign'));
  step('signed in at the other provider');

  // As the page itself asks: with the browser's cookie, from the same origin. To read takes an order to the custodian,
  // which verifies the provider's token by itself.
  const id = await machine.caseOf(child.token);
  const read = await page.evaluate(async (id) => {
    const ask = async (method, path) => {
      const res = await fetch('/api/v1' + path, { method, headers: { 'Idempotency-Key': crypto.randomUUID() } });
      const text = await res.text();
      if (!res.ok) throw new Error(`${method} ${path}: ${text}`);
      return text && JSON.parse(text);
    };
    const me = await ask('GET', '/me');
    await ask('POST', `/conversations/${id}/join`);
    return { me, ...(await ask('GET', `/conversations/${id}/messages`)) };
  }, id);
  must(read.me.role === 'agent' && read.me.name === 'Amal Haddad', `who is signed in: ${JSON.stringify(read.me)}`);
  must(read.messages.some((m) => m.text === 'Il est encore devant la porte.'), `what was read: ${JSON.stringify(read.messages)}`);
  const entries = await machine.entries(id);
  must(entries.includes('conversation.joined') && entries.includes('conversation.read'), `on the record: ${entries}`);
  step('joined a conversation and read it: the custodian believed the token');
}
