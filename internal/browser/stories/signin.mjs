// Members of staff sign in and out: one role for each session, a warning before it ends, and an end everywhere at once.
export const languages = ['fr', 'en'];

export async function story({ visitor, staff, signIn, at, T, must, step, look }) {
  // Each telling has an account of its own: it ends all of that account's sessions.
  const [account, name] = T(['chloe', 'Chloé Martin'], ['kenza', 'Kenza Roy']);
  const page = await visitor();
  await page.goto(at.staff + '/');
  await page.getByRole('heading', { level: 1 }).waitFor();
  await look(page, 'staff/sign-in');
  await page.getByRole('button', { name: T('Se connecter', 'Sign in'), exact: true }).click();
  await page.getByLabel('Compte').fill(account);
  await page.getByLabel('Mot de passe').fill('not this one');
  await page.getByRole('button', { name: 'Se connecter' }).click();
  await page.getByRole('alert').waitFor();
  must(page.url().startsWith(at.issuer), 'a wrong password leads nowhere');
  await signIn(page, account);
  const signOut = page.getByRole('button', { name: T('Se déconnecter', 'Sign out'), exact: true });
  await signOut.waitFor();
  await page.getByText(name).first().waitFor();
  const cookie = (await page.context().cookies(at.staff)).find((c) => c.name === 'staff');
  must(cookie.httpOnly && cookie.sameSite === 'Strict' && cookie.expires === -1, `the cookie: ${JSON.stringify(cookie)}`);
  step('signed in, and told who one is');

  const two = await staff('ines', { role: 'agent' });
  await two.getByText('Inès Garnier').first().waitFor();
  const choosing = await visitor();
  await signIn(choosing, 'ines', { stay: true });
  await choosing.getByRole('heading', { name: T('Dans quel rôle ?', 'In which role?') }).waitFor();
  await look(choosing, 'staff/choose-role');
  const none = await visitor();
  await signIn(none, 'jules', { stay: true });
  await none.getByRole('alert').waitFor();
  await look(none, 'staff/no-role');
  step('an account with two roles chooses one, an account with none gets in nowhere');

  const other = await staff(account);
  await signOut.click();
  await page.getByRole('heading', { name: T('Vous êtes déconnecté', 'You are signed out') }).waitFor();
  await look(page, 'staff/signed-out');
  await page.goBack();
  must(!(await page.content()).includes(name), 'Back shows who was signed in');
  await other.reload();
  await other.getByText(name).first().waitFor();
  step('signing out ends one session');

  await signIn(page, account);
  await page.getByRole('button', { name: T('Se déconnecter partout', 'Sign out everywhere') }).click();
  await page.getByRole('heading', { name: T('Vous êtes déconnecté partout', 'You are signed out everywhere') }).waitFor();
  await other.reload();
  await other.getByRole('button', { name: T('Se connecter', 'Sign in'), exact: true }).waitFor();
  must(!(await other.content()).includes(name), 'the other browser still shows who was signed in');
  await look(other, 'staff/session-ended');
  step('signing out everywhere ends the others, too');

  const idle = await visitor();
  await idle.clock.install();
  await signIn(idle, 'gilles'); // an inspector's page asks for nothing by itself, so no answer says that all this time has not passed
  await idle.clock.fastForward('14:20');
  const warning = idle.getByRole('alertdialog');
  await warning.waitFor();
  await look(idle, 'staff/idle-warning');
  await warning.getByRole('button', { name: T('Rester connecté', 'Stay signed in') }).click();
  await idle.clock.setSystemTime(Date.now()); // the desk's clock is right again
  await warning.waitFor({ state: 'hidden' });
  step('before the session ends for want of anything done, it warns, and can be kept');
}
