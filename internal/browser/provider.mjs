// An OpenID provider that nobody here wrote: npm's certified oidc-provider, with PKCE required, a login form and a
// consent form. Its accounts are the development issuer's.
//
//   node provider.mjs <port> <URL of the staff face>     prints its issuer once it listens
//
// An account is known by its own name as a password: this listens on loopback, for one test.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const [port, pages] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const audiences = ['sceau-staff', 'sceau-custodian'];
const accounts = JSON.parse(process.env.SCEAU_ACCOUNTS);
const claimsOf = (name) => {
  const a = accounts.find((one) => one.Name === name);
  return a && { sub: a.Name, person: a.Person, groups: a.Roles, unit: a.Unit, name: a.Full };
};
const key = (kty, options, use) => ({ ...generateKeyPairSync(kty, options).privateKey.export({ format: 'jwk' }), use });

const provider = new Provider(issuer, {
  clients: [{
    client_id: 'sceau-staff-pages', token_endpoint_auth_method: 'none', application_type: 'native',
    redirect_uris: [`${pages}/signin/callback`], post_logout_redirect_uris: [`${pages}/signin/out`],
    grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], require_auth_time: true, id_token_signed_response_alg: 'ES256',
  }],
  jwks: { keys: [{ ...key('ec', { namedCurve: 'P-256' }, 'sig'), alg: 'ES256' }] },
  cookies: { keys: [crypto.randomUUID()] },
  pkce: { required: () => true },
  scopes: ['openid', 'offline_access', 'profile'],
  claims: { openid: ['sub', 'person', 'groups', 'unit', 'name'], profile: ['name'] },
  conformIdTokenClaims: false,
  findAccount: (_, id) => claimsOf(id) && ({ accountId: id, claims: () => claimsOf(id) }),
  features: {
    devInteractions: { enabled: false },
    rpInitiatedLogout: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => 'urn:sceau',
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: 'openid profile offline_access', audience: 'sceau-staff', accessTokenFormat: 'jwt',
        accessTokenTTL: 900, jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
  issueRefreshToken: (_, client) => client.grantTypeAllowed('refresh_token'),
  // Which login of its session a token is of: who signs out at Sceau and comes back is in a session of its own there.
  extraTokenClaims: ({ oidc: { entities } }, token) => ({
    ...claimsOf(token.accountId), sub: undefined, sid: token.sessionUid, auth_time: (entities.AuthorizationCode ?? entities.RefreshToken).authTime,
  }),
  // One access token for both services, as the documentation asks of a provider.
  formats: { customizers: { jwt: (_, __, jwt) => { jwt.payload.aud = audiences; } } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  ttl: { AccessToken: 900, AuthorizationCode: 60, IdToken: 900, RefreshToken: 3600, Interaction: 600, Session: 3600, Grant: 3600 },
});

const page = (title, body) => `<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title></head><body><main><h1>${title}</h1>${body}</main></body></html>`;
const login = (uid, error = '') => page('Sign in', `${error && `<p role="alert">${error}</p>`}<form method="post" action="/interaction/${uid}">
<p><label>Account <input name="account" autocomplete="username" required></label></p>
<p><label>Password <input name="password" type="password" autocomplete="current-password" required></label></p>
<p><button>Sign in</button></p></form>`);
const consent = (uid) => page('Consent', `<p>Sceau asks who you are, and what you may do there.</p>
<form method="post" action="/interaction/${uid}"><p><button name="consent" value="yes">Continue</button></p></form>`);

async function interact(req, res) {
  const { uid, prompt, params, session, grantId } = await provider.interactionDetails(req, res);
  const show = (status, text) => { res.writeHead(status, { 'Content-Type': 'text/html; charset=utf-8' }); res.end(text); };
  if (req.method === 'GET') return show(200, prompt.name === 'login' ? login(uid) : consent(uid));
  let body = '';
  for await (const part of req) body += part;
  const form = new URLSearchParams(body);
  if (prompt.name === 'login') {
    const account = form.get('account');
    if (!claimsOf(account) || form.get('password') !== account) return show(401, login(uid, 'Wrong account or password.'));
    return provider.interactionFinished(req, res, { login: { accountId: account, remember: false } });
  }
  const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope('openid profile offline_access');
  grant.addOIDCClaims(['person', 'groups', 'unit', 'name']);
  grant.addResourceScope('urn:sceau', 'openid profile offline_access');
  return provider.interactionFinished(req, res, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
}

provider.on('server_error', (_, error) => console.error(error));
const handle = provider.callback();
createServer((req, res) => {
  if (!req.url.startsWith('/interaction/')) return handle(req, res);
  return interact(req, res).catch((error) => { console.error(error); res.writeHead(500); res.end(); });
}).listen(Number(port), '127.0.0.1', () => console.log(issuer));
