// A phone with little credit left: the first page and the chat together transfer less than 60 kB.
import { openTalk } from '../lib/child.mjs';

export const languages = ['fr'];
const most = 60_000;

export async function story(scene) {
  const { minor, at, must, step } = scene;
  const page = await minor();
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Network.enable');
  let bytes = 0;
  const asked = new Map();
  const seen = [];
  devtools.on('Network.requestWillBeSent', (e) => asked.set(e.requestId, e.request.url));
  devtools.on('Network.loadingFinished', (e) => { bytes += e.encodedDataLength; seen.push([asked.get(e.requestId), e.encodedDataLength]); });
  await page.goto(at.public + '/', { waitUntil: 'networkidle' });
  const first = bytes;
  must(first < most, `the first page transfers ${first} bytes: ${JSON.stringify(seen)}`);
  step(`the first page: ${first} bytes`);
  await openTalk(page, scene);
  await page.waitForTimeout(500); // what the chat asks for once it is there
  must(bytes < most, `with the chat it is ${bytes} bytes: ${JSON.stringify(seen)}`);
  step(`with the chat: ${bytes} bytes`);
}
