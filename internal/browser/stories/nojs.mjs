// An old phone, or a careful browser: the whole way of a minor without a single script.
export const languages = ['fr', 'en'];

export async function story({ minor, at, T, must, step, look, Caller, caseOf }) {
  const page = await minor({ js: false });
  await page.goto(at.public + '/');
  await look(page, 'public/first-page-without-script');
  await page.locator('button[name=topic][value=school_harassment]').click();
  await page.waitForURL('**/p/*');
  await page.getByLabel(T('Ton code postal', 'Your postal code')).fill('75011');
  await page.getByRole('button', { name: T('Commencer à écrire', 'Start writing') }).click();
  await page.waitForURL('**/chat');
  step('from a topic to a page to the chat');

  const write = async (text) => {
    await page.getByLabel(T('Ton message', 'Your message')).fill(text);
    await page.getByRole('button', { name: T('Envoyer', 'Send'), exact: true }).click();
    await page.getByRole('listitem').filter({ hasText: text }).waitFor();
  };
  await write(T('Ils ont créé un groupe contre moi.', 'They made a group against me.'));
  const agent = await Caller.staff('amal');
  const id = await caseOf(page);
  await agent.send('POST', `/conversations/${id}/join`);
  await agent.send('POST', `/conversations/${id}/messages`, { text: T('Tu as bien fait de nous écrire.', 'You did well to write to us.') });
  await page.getByRole('button', { name: T('Voir les nouvelles réponses', 'See new answers') }).click();
  await page.getByText(T('Tu as bien fait de nous écrire.', 'You did well to write to us.')).waitFor();
  await look(page, 'public/chat-without-script');
  await page.reload();
  must(await page.getByRole('listitem').filter({ hasText: T('Ils ont créé', 'They made') }).count() === 1, 'reloading says nothing twice');
  step('writes, and looks for answers');

  await page.getByRole('button', { name: T('Mes droits ici', 'My rights here') }).click();
  await page.getByRole('link', { name: T('Ma phrase secrète', 'My secret phrase') }).click();
  await page.getByRole('button', { name: T('Montrer ma phrase', 'Show my phrase') }).click();
  const phrase = await page.locator('.phrase').innerText();
  await page.goto(at.public + '/mine/safe');
  await page.getByLabel(T('Écris-le ici', 'Write it here')).fill('Lou');
  await page.getByRole('button', { name: T('Mettre au coffre', 'Put it into the safe') }).click();
  await page.getByText(T("C'est dans le coffre.", 'It is in the safe.')).waitFor();
  await page.goto(at.public + '/mine/openings');
  await page.getByRole('button', { name: T('Demander', 'Ask'), exact: true }).click();
  await page.getByText(T('Aucune ouverture dont nous puissions te parler', 'No opening that we may tell you about')).waitFor();
  step('the phrase, the safe, who opened what');

  await page.goto(at.public + '/return');
  await page.getByLabel(T('Tes huit mots', 'Your eight words')).fill(phrase);
  await page.getByRole('button', { name: T('Retrouver ma conversation', 'Find my conversation') }).click();
  await page.waitForURL('**/chat');
  step('comes back with the phrase');
}
