// Answers of the service are lost on their way back. What was written got there, is sent again, and is there once; what
// was written twice is there twice; what is refused for good is given back. A request that nobody
// ever answers holds up neither side.
import { openTalk, say, bubble } from '../lib/child.mjs';

export const languages = ['fr'];

export async function story(scene) {
  const { minor, staff, at, must, until, step, outage, Caller, caseOf } = scene;
  const page = await minor();
  await openTalk(page, scene);
  const agent = await Caller.staff('amal');
  const id = await caseOf(page);
  await agent.send('POST', `/conversations/${id}/join`);
  await page.getByText('Tu parles avec un agent').waitFor();
  const read = async () => (await agent.get(`/conversations/${id}/messages`)).messages.filter((m) => m.kind === 'message').map((m) => m.text);

  let lost = 0;
  const messages = '**/api/v1/conversation/messages';
  await outage(async () => {
    await page.route(messages, async (route) => {
      if (route.request().method() !== 'POST' || lost >= 3) return route.continue();
      lost++;
      await route.fetch();
      return route.abort();
    });
    await say(page, scene, 'Au secours.');
    await say(page, scene, 'Au secours.');
    await agent.send('POST', `/conversations/${id}/messages`, { text: 'Je te lis.' });
    await until(async () => await bubble(page, 'Au secours.').getByText(/^(Envoyé|Arrivé chez l'agent)$/).count() === 2, 'both are sent');
    await bubble(page, 'Je te lis.').waitFor();
    await page.unroute(messages);
  });
  must(lost === 3, `${lost} answers were lost`);
  const texts = await read();
  must(texts.filter((t) => t === 'Au secours.').length === 2 && texts.length === 3, `the agent reads ${JSON.stringify(texts)}`);
  const shown = await page.getByRole('log').getByRole('listitem').locator('p').allInnerTexts();
  must(JSON.stringify(shown) === JSON.stringify(texts), `the page shows ${JSON.stringify(shown)}, the agent reads ${JSON.stringify(texts)}`);
  step('three lost answers: each message is there as often as it was written, in one order for both');

  await page.route(messages, (route) => (route.request().method() === 'POST'
    ? route.fulfill({ status: 422, headers: { 'cache-control': 'no-store', 'content-type': 'application/problem+json' }, body: JSON.stringify({ code: 'message.too_long', title: 'Message trop long', detail: '', status: 422 }) })
    : route.continue()));
  await outage(async () => {
    await say(page, scene, 'Refusé une fois.');
    await bubble(page, 'Refusé une fois.').getByText('Pas envoyé').waitFor();
  });
  must(await page.getByLabel('Ton message').inputValue() === 'Refusé une fois.', 'what was refused is given back');
  await page.unroute(messages);
  await page.getByRole('button', { name: 'Envoyer', exact: true }).click();
  await until(async () => (await read()).at(-1) === 'Refusé une fois.', 'it is sent after all');
  step('refused for good: it is given back, to be mended');

  const desk = await staff('amal', { to: `/agent/c/${id}` });
  await desk.goto(`${at.staff}/agent/c/${id}`);
  const field = desk.getByLabel('Votre message');
  const posts = `**/agent/c/${id}/messages`;
  let hung = 0;
  const hang = (route) => (route.request().method() === 'POST' && !hung++ ? undefined : route.continue());
  await outage(async () => {
    await page.route(messages, hang);
    await say(page, scene, 'Tu es là ?');
    await until(() => hung === 1, 'a request of the minor hangs');
    await until(async () => (await read()).at(-1) === 'Tu es là ?', 'what hangs is given up and sent again', 60);
    await page.unroute(messages);
    hung = 0;
    await desk.route(posts, hang);
    await field.fill('Oui,');
    await desk.getByRole('button', { name: 'Envoyer', exact: true }).click();
    await until(() => hung === 1, 'a request of the agent hangs');
    await desk.getByText('Connexion coupée.').waitFor({ timeout: 60_000 });
    must(await field.inputValue() === 'Oui,', 'what an agent could not send stays');
    await desk.unroute(posts);
  });
  let held;
  await desk.route(posts, (route) => { held = route; });
  await desk.getByRole('button', { name: 'Envoyer', exact: true }).click();
  await until(() => held, 'the message is under way');
  await field.pressSequentially(' je reste');
  await held.continue();
  await until(async () => (await read()).at(-1) === 'Oui,', 'it is sent, once');
  await until(async () => await field.inputValue() === ' je reste', 'what was typed while it was sent is still there');
  must((await read()).filter((t) => t === 'Oui,').length === 1, 'it is there once');
  step('a request that hangs is given up on both sides, and no typed word is lost');
}
