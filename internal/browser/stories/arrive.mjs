// Somebody comes for the first time: what they can read before the first word, whom they can call, where it leads.
export const languages = ['fr', 'en'];

export async function story({ minor, at, T, must, step, look }) {
  const page = await minor();
  await page.goto(at.public + '/');
  const heading = page.getByRole('heading', { level: 1 });
  await heading.waitFor();
  must(await page.locator('h1').count() === 1, 'a page has one first heading');
  const numbers = async () => {
    for (const number of ['17', '119', '3018']) must(await page.locator(`a[href="tel:${number}"]`).first().isVisible(), `${number} is not in view`);
    await page.getByRole('button', { name: T('Quitter vite', 'Leave quickly') }).waitFor();
    must(await page.title() === 'Notes', 'the title tells something');
    must(await page.locator('html').getAttribute('lang') === T('fr', 'en'), 'the page does not say its language');
  };
  await numbers();
  for (const list of await page.locator('#anonymous h3 + ul').all()) must(await list.locator('li').count() === 3, 'three examples, and three of the contrary');
  must(await page.locator('#anonymous h3 + ul').count() === 2, 'examples of when, and of when not');
  await look(page, 'public/first-page');
  step('the first page says who answers, and when anonymity may be lifted');

  await page.getByLabel(T('Sur les réseaux', 'On social networks')).check();
  await page.locator('button[name=topic][value=sextortion]').click();
  await page.waitForURL('**/p/*');
  await numbers();
  await page.getByRole('button', { name: T('Commencer à écrire', 'Start writing') }).waitFor();
  await look(page, 'public/sheet-sextortion');
  step('a place and a topic lead to a short page, and from there to the chat');

  await page.getByRole('link', { name: T('Accueil', 'Home') }).click();
  await page.waitForURL(at.public + '/');
  const questions = await page.locator('a[href="/questions"]').first();
  await questions.click();
  await page.waitForURL('**/questions');
  await numbers();
  await look(page, 'public/questions');
  const groups = page.locator('fieldset');
  for (const group of (await groups.all()).slice(0, 4)) await group.getByLabel(T('Souvent', 'Often'), { exact: true }).check();
  await page.getByRole('button', { name: T('Voir le résultat', 'See the result') }).click();
  await page.getByRole('heading', { name: /./, level: 1 }).waitFor();
  await page.getByText(T('En parler avec quelqu\'un', 'Talk to somebody about it')).waitFor();
  await look(page, 'public/questions-result');
  step('the questions on bullying are answered in words');

  await page.goto(at.public + '/start');
  await page.getByLabel(T('Ton code postal', 'Your postal code')).fill('00000');
  await page.getByLabel(T('De quoi veux-tu parler ?', 'What do you want to talk about?')).selectOption('other');
  await page.getByRole('button', { name: T('Commencer à écrire', 'Start writing') }).click();
  await page.getByRole('alert').filter({ hasText: /\S/ }).first().waitFor();
  must(await page.getByLabel(T('Ton code postal', 'Your postal code')).inputValue() === '00000', 'what was typed is gone');
  must(await page.getByLabel(T('Ton code postal', 'Your postal code')).evaluate((field) => field.getAttribute('aria-invalid') === 'true'
    && field.getAttribute('aria-describedby').split(' ').includes(document.querySelector('#main [role=alert]').id)), 'the field does not say that it is the one');
  must(await page.evaluate(() => document.activeElement.matches('[role=alert]')), 'the focus is not on what was refused');
  await look(page, 'public/start-refused');
  step('a postal code that is none is refused in words, and kept to be mended');

  await page.goto(at.public + '/return');
  await look(page, 'public/return');
  await page.getByRole('link', { name: T('English', 'Français') }).click();
  await page.getByRole('heading', { name: T('Come back with my secret phrase', 'Revenir avec ma phrase secrète') }).waitFor();
  step('the other language is one link away, on the same page');
}
