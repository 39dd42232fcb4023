// A supervisor decides: the queue, exactly the cited messages, in part, no with a reason; two at once; revoked later.
import { readEvidence } from '../lib/staff.mjs';

export const languages = ['fr', 'en'];

export async function story(scene) {
  const { staff, talk, request, Caller, T, at, must, until, step, look, machine } = scene;
  const account = T('amal', 'chloe');
  const diane = await staff('diane');
  await diane.getByRole('heading', { level: 1, name: T('Ce qui attend une décision', 'What awaits a decision') }).waitFor();
  const told = await talk(account, [T('Il frappe à la porte.', 'He knocks at the door.'), T("Je n'ai parlé que de ça.", 'I spoke only of that.')]);
  await told.minor.send('PUT', '/conversation/facets/name', { value: 'Lou Perrin' });
  const one = await request(told, { facets: ['connection', 'name'] });
  await diane.locator(`a[href$="/requests/${one.id}"]`).first().waitFor();
  await look(diane, 'supervisor/queue');
  step('what is asked appears in the queue by itself');

  const card = diane.locator(`#decide-${one.id}`);
  await card.focus();
  const old = await card.elementHandle();
  await diane.evaluate(() => document.body.dispatchEvent(new CustomEvent('sceau:news', { detail: {} })));
  await until(() => old.evaluate((link) => !link.isConnected), 'the queue is renewed');
  await until(() => card.evaluate((link) => document.activeElement === link), 'who was about to decide is still there');
  step('a queue that is renewed leaves the focus where it was');

  await diane.goto(`${at.staff}/supervisor/requests/${one.id}`);
  await diane.getByText(T("Lisez d'abord les pièces.", 'Read the evidence first.')).first().waitFor();
  must(!(await diane.content()).includes(T('Il frappe', 'He knocks')), 'no message is shown before it is read on the record');
  await look(diane, 'supervisor/request');
  await readEvidence(diane, scene, one.id);
  await diane.getByText(T('Il frappe à la porte.', 'He knocks at the door.')).waitFor();
  must(!(await diane.content()).includes(T("Je n'ai parlé que de ça.", 'I spoke only of that.')), 'a message is shown that was not cited');
  must((await machine.entries(told.id)).includes('evidence.read'), 'reading is an entry');
  await look(diane, 'supervisor/evidence');
  step('exactly the quoted messages, and reading them is an entry');

  const etienne = await staff('etienne');
  await readEvidence(etienne, scene, one.id);
  await diane.getByRole('group', { name: T("Accorder l'ouverture de", 'Grant the opening of') }).getByRole('checkbox').nth(1).uncheck();
  await diane.getByRole('button', { name: T('Accorder', 'Approve'), exact: true }).click();
  await diane.getByText(T("C'est enregistré.", 'It is recorded.')).waitFor();
  await look(diane, 'supervisor/queue-decided');
  await etienne.getByText(T("Quelqu'un vient d'agir sur cette demande.", 'Somebody has just acted on this request.')).waitFor();
  must(await etienne.getByRole('button', { name: T('Accorder', 'Approve'), exact: true }).count() === 0, 'what was decided can still be approved');
  await look(etienne, 'supervisor/somebody-else-decided');
  const granted = await told.agent.get(`/escalations/${one.id}`);
  must(granted.state === 'approved' && granted.granted.length === 1, `granted in part: ${JSON.stringify(granted)}`);
  step('approved in part; the other supervisor sees it at once');

  await etienne.goto(`${at.staff}/supervisor/requests/${one.id}`);
  await etienne.getByRole('button', { name: T('Révoquer…', 'Revoke…') }).or(etienne.locator('summary', { hasText: T('Révoquer', 'Revoke') })).first().click();
  await etienne.getByLabel(T('Le danger est passé', 'Danger is over')).or(etienne.locator('input[value=danger_over]')).first().check();
  await look(etienne, 'supervisor/revoke');
  await etienne.getByRole('button', { name: T('Révoquer', 'Revoke'), exact: true }).click();
  await until(async () => (await told.agent.get(`/escalations/${one.id}`)).state === 'revoked', 'revoked');
  step('revoked later, with a reason');

  const second = await talk(account, [T('Il est parti.', 'He has gone.')]);
  const other = await request(second);
  await readEvidence(diane, scene, other.id);
  await readEvidence(etienne, scene, other.id);
  const deny = async (page) => {
    await page.locator('summary', { hasText: T('Refuser', 'Deny') }).click();
    await page.locator('input[value=other_means]').check();
    return page.getByRole('button', { name: T('Refuser', 'Deny'), exact: true });
  };
  const no = await deny(diane);
  const yes = etienne.getByRole('button', { name: T('Accorder', 'Approve'), exact: true });
  await Promise.allSettled([no.click({ timeout: 5000 }), yes.click({ timeout: 5000 })]); // the slower one's button may be gone
  await until(async () => ['denied', 'approved'].includes((await second.agent.get(`/escalations/${other.id}`)).state), 'one of the two counts');
  // Whoever is second is refused, or sees it on the screen before the button does anything.
  const seen = T("Quelqu'un vient d'agir sur cette demande.", 'Somebody has just acted on this request.');
  await Promise.all([diane, etienne].map((page) => page.getByText(T("C'est enregistré.", 'It is recorded.'))
    .or(page.getByText(seen)).or(page.getByRole('alert').filter({ hasText: /\S/ })).first().waitFor()));
  const told1 = await diane.getByText(T("C'est enregistré.", 'It is recorded.')).count();
  const told2 = await etienne.getByText(T("C'est enregistré.", 'It is recorded.')).count();
  must(told1 + told2 === 1, `one is told that it is recorded, the other that it came too late: ${told1}, ${told2}`);
  await look(told1 ? etienne : diane, 'supervisor/too-late');
  step('two decide at the very same moment: one counts, the other is told');

  const third = await talk(account, [T("C'était hier.", 'It was yesterday.')]);
  const last = await request(third);
  await readEvidence(diane, scene, last.id);
  await (await deny(diane)).click();
  await diane.getByText(T("C'est enregistré.", 'It is recorded.')).waitFor();
  const agent = await staff(account, { to: `/agent/c/${third.id}/request/${last.id}` });
  await agent.goto(`${at.staff}/agent/c/${third.id}/request/${last.id}`);
  await agent.getByText(T("D'autres moyens existent", 'There are other means')).waitFor();
  await look(agent, 'agent/request-denied');
  step('denied, and the agent reads why');
}
