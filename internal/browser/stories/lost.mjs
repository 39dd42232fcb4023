// Answers of the service are lost on their way back. What was written got there, is sent again, and is there once; what
// was written twice is there twice; what is refused for good is given back.
import { openTalk, say, bubble } from '../lib/child.mjs';

export const languages = ['fr'];

export async function story(scene) {
  const { minor, must, until, step, outage, Caller, caseOf } = scene;
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
}
