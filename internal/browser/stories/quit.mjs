// Leaving quickly: the page and its place in the history are replaced, the cookie is ended, Back shows nothing.
import { openTalk, say, bubble } from '../lib/child.mjs';

export const languages = ['fr', 'en'];
const elsewhere = 'https://meteofrance.com/';

async function visit(scene, options) {
  const page = await scene.minor({ ...options, exits: [new URL(elsewhere).origin] });
  await page.route(elsewhere + '**', (route) => route.fulfill({ contentType: 'text/html', body: '<title>Weather</title><h1>Weather</h1>' }));
  await page.goto('about:blank');
  await openTalk(page, scene);
  await say(page, scene, scene.T('Il rentre.', 'He is coming.'));
  await bubble(page, scene.T('Il rentre.', 'He is coming.')).getByText(scene.T('Envoyé', 'Sent')).waitFor();
  return page;
}

async function nothingIsLeft(page, { at, T, must, until }) {
  await page.waitForURL(elsewhere);
  await until(async () => (await page.context().cookies(at.public)).every((c) => c.name !== 'chat'), 'the cookie is gone');
  for (let back = 0; back < 6; back++) {
    await page.goBack({ timeout: 3000 }).catch(() => null);
    const text = await page.evaluate(() => document.body.innerText);
    must(!text.includes(T('Il rentre.', 'He is coming.')), `Back shows the conversation at ${page.url()}`);
    must(!(page.url().startsWith(at.public) && page.url().includes('/chat') && await page.getByRole('log').count()), 'Back shows the chat');
    if (page.url() === 'about:blank') break;
  }
}

export async function story(scene) {
  const { T, step, at, must, until } = scene;
  let page = await visit(scene);
  await page.getByRole('button', { name: T('Quitter vite', 'Leave quickly') }).click();
  await nothingIsLeft(page, scene);
  must(page.url() === 'about:blank', `one Back leads to before the visit, and not to ${page.url()}`);
  step('by the button');

  page = await visit(scene);
  await page.getByLabel(T('Ton message', 'Your message')).fill(T('Il est derrière moi', 'He is behind me'));
  await page.keyboard.press('Escape');
  await nothingIsLeft(page, scene);
  step('by Escape, in the middle of a word');

  await page.goto(at.public + '/chat');
  await page.getByRole('heading', { name: T('Revenir avec ma phrase secrète', 'Come back with my secret phrase') }).waitFor();
  step('who asks for the chat then is asked for the phrase');

  page = await visit(scene);
  const [kept] = (await page.context().cookies(at.public)).filter((c) => c.name === 'chat');
  const others = [];
  for (const path of ['/chat', '/mine/copy', '/p/18']) {
    const other = await page.context().newPage();
    await other.route(elsewhere + '**', (route) => route.fulfill({ contentType: 'text/html', body: '<title>Weather</title><h1>Weather</h1>' }));
    await other.goto(at.public + path);
    others.push(other);
  }
  await others[1].getByText(T('Il rentre.', 'He is coming.')).waitFor();
  await page.bringToFront(); // the others are behind it
  await page.keyboard.press('Escape');
  for (const other of [page, ...others]) await other.waitForURL(elsewhere);
  step('every tab of the visit, those behind too');

  await until(async () => {
    const answer = await fetch(at.public + '/api/v1/conversation', { headers: { Authorization: `Bearer ${kept.value}` } });
    return answer.status === 401;
  }, 'a token that somebody copied opens nothing any more');
  step('what was copied from the browser opens nothing');

  page = await visit({ ...scene, minor: (o) => scene.minor(o) }, {});
  await page.goto(at.public + '/');
  await page.keyboard.press('Escape');
  await nothingIsLeft(page, scene);
  step('from any public page');
}
