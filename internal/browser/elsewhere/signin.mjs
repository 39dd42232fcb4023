// A provider that nobody here wrote: its own form, its own consent, its own tokens, which the custodian believes too.
export const languages = ['fr'];

export async function story({ visitor, at, must, step, T, Caller, until }) {
  const child = await Caller.minor();
  await child.say('Il est encore devant la porte.');
  const page = await visitor();
  await page.goto(at.staff + '/agent');
  await page.waitForURL((url) => url.origin === at.issuer);
  await page.getByLabel('Account').fill('amal');
  await page.getByLabel('Password').fill('wrong');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').waitFor();
  await page.getByLabel('Account').fill('amal');
  await page.getByLabel('Password').fill('amal');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.waitForURL((url) => url.origin === at.staff);
  step('signed in at the other provider');
}
