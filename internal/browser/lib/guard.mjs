// What holds for every page at all times. Whatever a story does meanwhile, a fault here fails it.

// What the content policy of every page says, and nothing else.
const policy = [
  "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "media-src 'self'", "connect-src 'self'",
  "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'",
];

/**
 * Watches all pages of a browser context.
 * @param context  Playwright's
 * @param origins  whom its pages may speak to: anybody else is a third party
 * @param ours     the origins of Sceau itself, held to its headers
 * @param faults   where faults are told
 */
export function guard(context, { origins, ours, faults }) {
  const state = { outage: false };
  const refused = new Set(); // pages that answered with a refusal: chromium reports each as an error
  const fault = (page, what) => faults.push(`${page ? page.url() : ''}: ${what}`);

  context.on('request', (request) => {
    const url = new URL(request.url());
    if (!['http:', 'https:'].includes(url.protocol)) return;
    if (!origins.includes(url.origin)) fault(null, `asked a third party: ${request.url()}`);
  });
  context.on('response', (response) => {
    const request = response.request();
    const url = new URL(response.url());
    if (!ours.includes(url.origin)) return;
    const headers = response.headers();
    const asset = url.pathname.startsWith('/static/');
    if (response.status() >= 400) {
      if (asset || response.status() >= 500) {
        if (!state.outage) faults.push(`${response.url()}: ${response.status()}`);
      } else refused.add(response.url());
    }
    if (!asset && response.status() !== 304 && !/no-store/.test(headers['cache-control'] || '')) faults.push(`${response.url()}: may be stored: ${headers['cache-control']}`);
    if (request.isNavigationRequest() && (headers['content-type'] || '').startsWith('text/html')) {
      const said = (headers['content-security-policy'] || '').split(';').map((d) => d.trim()).filter(Boolean);
      for (const directive of policy) if (!said.includes(directive)) faults.push(`${response.url()}: its policy lacks ${directive}`);
      for (const directive of said) if (!policy.includes(directive)) faults.push(`${response.url()}: its policy says ${directive}`);
    }
  });
  context.on('console', (message) => {
    if (!['error', 'warning'].includes(message.type())) return;
    const text = message.text();
    const { url } = message.location();
    if (url.startsWith('http') && !ours.includes(new URL(url).origin)) return; // the provider's own
    if (refused.has(message.location().url) && /Failed to load resource/.test(text)) return;
    if (/^htmx:(sendAbort|afterRequest)/.test(text)) return; // a newer question took the place of an older one
    if (state.outage && /Failed to load resource|net::ERR_/.test(text)) return;
    fault(message.page(), `the console says: ${text} (${message.location().url})`);
  });
  context.on('weberror', (error) => fault(error.page(), `a script failed: ${error.error().stack}`));
  return state;
}

/** Nothing of anybody is kept in the browser but cookies that scripts cannot read. */
export async function nothingKept(page) {
  const kept = await page.evaluate(async () => ({
    local: localStorage.length, session: sessionStorage.length, cookie: document.cookie,
    caches: 'caches' in window ? (await caches.keys()).length : 0,
    databases: 'indexedDB' in window && indexedDB.databases ? (await indexedDB.databases()).length : 0,
  }));
  const found = Object.entries(kept).filter(([, v]) => v).map(([k, v]) => `${k}: ${v}`);
  if (found.length) throw new Error(`the browser keeps something that scripts can read: ${found.join(', ')}`);
}
