// An inspector trusts nobody: the chain, a search, a whole case as a story, one decision with all that it rests on, figures, an export.
import { readEvidence } from '../lib/staff.mjs';

export const languages = ['fr', 'en'];

export async function story(scene) {
  const { staff, talk, request, Caller, T, at, must, until, step, look } = scene;
  const spoken = T('Il a dit qu\'il reviendrait ce soir.', 'He said that he would come back tonight.');
  const told = await talk(T('amal', 'bruno'), [spoken]);
  await told.minor.send('PUT', '/conversation/facets/name', { value: 'Camille Aubry' });
  const diane = await Caller.staff('diane');
  await diane.get('/me');
  const asked = await request(told, { facets: ['name'] });
  await diane.send('POST', `/escalations/${asked.id}/evidence`);
  await diane.send('POST', `/escalations/${asked.id}/approve`, { request: asked.request, facets: ['name'] });
  const opened = await told.agent.send('POST', `/escalations/${asked.id}/identity`, { facets: ['name'] });
  must(JSON.stringify(opened).includes('Camille Aubry'), 'the identity was opened');
  const page = await staff('gilles');
  const never = async () => {
    const text = await page.content();
    for (const secret of ['Camille Aubry', spoken]) must(!text.includes(secret), `an inspector reads ${secret} at ${page.url()}`);
  };
  await page.getByRole('heading', { level: 1 }).waitFor();
  await look(page, 'inspector/chain-never-verified').catch((e) => { throw e; });
  await page.getByRole('button', { name: T('Vérifier tout le journal maintenant', 'Verify the whole log now') }).click();
  await page.getByText(T('La chaîne tient', 'The chain holds')).waitFor({ timeout: 30_000 });
  await look(page, 'inspector/chain');
  step('the chain is verified, and holds');

  await page.goto(`${at.staff}/inspector/entries?case=${told.id}`);
  await page.locator('table').first().waitFor();
  must(page.url().includes(`case=${told.id}`), 'the filters are in the address');
  await look(page, 'inspector/search');
  await never();
  await page.goto(`${at.staff}/inspector/cases/${told.id}`);
  await page.getByRole('heading', { level: 1 }).waitFor();
  await look(page, 'inspector/case');
  await never();
  step('a search by case, and its whole story');

  const entry = page.locator('a[href*="/inspector/entries/"]');
  const numbers = await entry.evaluateAll((all) => [...new Set(all.map((a) => a.pathname))]);
  must(numbers.length > 5, `the story names its entries: ${numbers}`);
  let decided = 0;
  for (const path of numbers) {
    await page.goto(at.staff + path);
    await never();
    if (/sceau\.|policy|règle/i.test(await page.locator('main').innerText()) && await page.getByText(/data\.sceau|escalation\.(request|approve)/).count()) {
      await look(page, 'inspector/entry-decision');
      decided++;
      break;
    }
  }
  must(decided === 1, 'an entry shows its decision');
  step('one decision: the policy, what went in, what came out, and the leaf to check by hand');

  for (const [path, name] of [['/inspector/figures', 'figures'], ['/inspector/reviews', 'reviews'], ['/inspector/exports', 'exports']]) {
    await page.goto(at.staff + path);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await look(page, `inspector/${name}`);
    await never();
  }
  step('figures, reviews, exports; never a transcript, never an identity');
}
