// The ground that the other stories stand on: a page, photographs, axe.
import { createHash, randomBytes } from 'node:crypto';

export const languages = ['fr'];

export async function story({ visitor, at, must, step, look, signIn }) {
  const page = await visitor();
  const q = new URLSearchParams({
    client_id: 'sceau-dev', redirect_uri: 'http://127.0.0.1/callback', response_type: 'code', scope: 'openid', state: 'x',
    code_challenge_method: 'S256', code_challenge: createHash('sha256').update(randomBytes(32)).digest('base64url'),
  });
  await page.goto(`${at.issuer}/authorize?${q}`);
  step('the form is there');
  await look(page, 'issuer/form');
  step('looked at');
}
