// The privacy officer: a requisition in two roles, an erasure that a child asked for, a hold, what is destroyed soon.
import { readEvidence } from '../lib/staff.mjs';

export const languages = ['fr', 'en'];

export async function story(scene) {
  const { staff, talk, request, Caller, minorOf, T, at, must, until, step, look, machine } = scene;
  const officer = await staff(T('hana', 'leila'));
  await officer.getByRole('heading', { level: 1 }).waitFor();
  await look(officer, 'privacy/requisitions-none');
  const told = await talk(T('amal', 'bruno'), [T('Il me menace.', 'He threatens me.')]);
  const asked = await request(told, {
    ground: 'judicial_requisition', facets: ['connection'],
    requisition: { authority: 'prosecutor', reference: `PR-2026-${scene.lang}-17`, listed_case: 'missing_person', facets: ['connection'] },
  });
  await officer.locator(`a[href$="/requests/${asked.id}"]`).first().waitFor();
  await look(officer, 'privacy/requisitions');
  await officer.goto(`${at.staff}/privacy/requests/${asked.id}`);
  await officer.getByRole('button', { name: T('Lire les pièces', 'Read the evidence') }).click();
  await officer.getByText(`PR-2026-${scene.lang}-17`).waitFor();
  must(!(await officer.content()).includes(T('Il me menace.', 'He threatens me.')), 'a privacy officer reads a message');
  await look(officer, 'privacy/order');
  await officer.getByRole('button', { name: T('Accorder', 'Approve'), exact: true }).click();
  await officer.getByText(T("C'est enregistré.", 'It is recorded.')).waitFor();
  const supervisor = await staff('diane');
  await readEvidence(supervisor, scene, asked.id);
  await look(supervisor, 'supervisor/evidence-requisition');
  await supervisor.getByRole('button', { name: T('Accorder', 'Approve'), exact: true }).click();
  await until(async () => (await told.agent.get(`/escalations/${asked.id}`)).state === 'approved', 'both have approved');
  step('a requisition takes two roles');

  const gone = await talk(T('amal', 'bruno'), [T('Oubliez-moi.', 'Forget me.')]);
  await gone.minor.send('POST', '/conversation/erasures');
  await officer.goto(at.staff + '/privacy/erasures');
  const card = officer.locator('article', { hasText: gone.id });
  await card.waitFor();
  await look(officer, 'privacy/erasures');
  await card.locator('summary', { hasText: T("Accorder l'effacement", 'Grant the erasure') }).click();
  await card.getByRole('button', { name: T('Effacer pour toujours', 'Erase for good') }).click();
  await officer.getByText(T('Effacement accordé.', 'Erasure granted.')).waitFor();
  await until(async () => (await machine.entries(gone.id)).includes('key.destroyed'), 'the keys are destroyed', 20);
  const child = await minorOf(gone.minor);
  await child.goto(at.public + '/chat');
  must(!(await child.content()).includes(T('Oubliez-moi.', 'Forget me.')), 'what was erased is still shown');
  await look(child, 'public/erased');
  step('an erasure is granted, and nothing can be read again');

  for (const [path, name] of [['/privacy/holds', 'holds'], ['/privacy/due', 'due']]) {
    await officer.goto(at.staff + path);
    await officer.getByRole('heading', { level: 1 }).waitFor();
    await look(officer, `privacy/${name}`);
  }
  step('holds, and what is destroyed soon');
}
