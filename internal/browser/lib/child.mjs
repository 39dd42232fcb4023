// What a minor does on the public pages, found by what it is called.

/** Opens a conversation through the pages. */
export async function openTalk(page, { T, at }, postal = '35000', topic = 'threats') {
  await page.goto(at.public + '/');
  await page.getByRole('button', { name: T('Écrire maintenant', 'Write now') }).first().click();
  await page.getByLabel(T('Ton code postal', 'Your postal code')).fill(postal);
  await page.getByLabel(T('De quoi veux-tu parler ?', 'What do you want to talk about?')).selectOption(topic);
  await page.getByRole('button', { name: T('Commencer à écrire', 'Start writing') }).click();
  await page.waitForURL('**/chat');
}

/** Writes a message, by the button. */
export async function say(page, { T }, text) {
  await page.getByLabel(T('Ton message', 'Your message')).fill(text);
  await page.getByRole('button', { name: T('Envoyer', 'Send'), exact: true }).click();
}

/** The bubble with this text. */
export const bubble = (page, text) => page.getByRole('log').getByRole('listitem').filter({ hasText: text });
