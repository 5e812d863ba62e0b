// The session of this tab: an authorization code with PKCE (RFC 7636), refresh, revocation.
//
// Tokens are in the memory of this module and go with the page. State and code verifier have to survive the way to the
// authorization server and back: they lie in the tab's sessionStorage, and are taken out of it once.

import * as oauth from './node_modules/oauth4webapi/build/index.js'

/** Who signs users in and has their notes. */
export const issuer = new URL(document.querySelector('meta[name=issuer]').content)

const SCOPE = 'notes.read notes.write offline_access'
const REDIRECT_URI = new URL('callback.html', location.href).href
const PENDING = 'sign-in'
const client = { client_id: 'notes-web' }
// without TLS on this machine only
const options = { [oauth.allowInsecureRequests]: issuer.hostname === '127.0.0.1' }

let tokens = null
let metadata = null
let refreshing = null

/** The session is over: whoever wants to go on signs in again. */
export class Ended extends Error {}

/** Sends the browser to the authorization server. */
export async function signIn() {
  const server = await discover()
  const pending = { state: oauth.generateRandomState(), verifier: oauth.generateRandomCodeVerifier() }
  sessionStorage.setItem(PENDING, JSON.stringify(pending))
  const url = new URL(server.authorization_endpoint)
  const parameters = {
    response_type: 'code',
    client_id: client.client_id,
    redirect_uri: REDIRECT_URI,
    scope: SCOPE,
    state: pending.state,
    code_challenge: await oauth.calculatePKCECodeChallenge(pending.verifier),
    code_challenge_method: 'S256',
  }
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  location.assign(url)
}

/** Takes the answer that the browser brings back, and exchanges its code. Without an answer: false. */
export async function comeBack() {
  if (location.hash.length < 2) return false
  const brought = new URLSearchParams(location.hash.slice(1))
  history.replaceState(null, '', location.pathname)
  const pending = JSON.parse(sessionStorage.getItem(PENDING))
  sessionStorage.removeItem(PENDING)
  if (!pending) throw new Error('this sign-in was not begun in this tab')
  const server = await discover()
  // the state is ours and the issuer is the one that was asked (RFC 9207), or this throws
  const answer = oauth.validateAuthResponse(server, client, brought, pending.state)
  const response = await oauth.authorizationCodeGrantRequest(
    server,
    client,
    oauth.None(),
    answer,
    REDIRECT_URI,
    pending.verifier,
    options,
  )
  keep(await oauth.processAuthorizationCodeResponse(server, client, response))
  return true
}

/** Whether the user allowed this. */
export const may = (scope) => tokens !== null && tokens.scope.split(' ').includes(scope)

/** Asks the API for the notes, or gives it one. */
export async function notes(text) {
  if (tokens && Date.now() >= tokens.until) await (refreshing ??= refresh().finally(() => (refreshing = null)))
  if (!tokens) throw new Ended()
  const url = new URL('/api/notes', issuer)
  const method = text === undefined ? 'GET' : 'POST'
  const request = oauth.protectedResourceRequest(tokens.access, method, url, undefined, text, options)
  const response = await request.catch((error) => error.response ?? Promise.reject(error))
  if (response.status === 401) {
    tokens = null
    throw new Ended()
  }
  if (!response.ok) throw new Error(`the notes answer ${response.status}`)
  return response.json()
}

/** Forgets the tokens and has them revoked (RFC 7009), which reaches the server also when the page goes away. */
export async function signOut() {
  if (!tokens) return
  const token = tokens.refresh ?? tokens.access
  tokens = null
  const outliving = { [oauth.customFetch]: (url, init) => fetch(url, { ...init, keepalive: true }) }
  const response = await oauth.revocationRequest(metadata, client, oauth.None(), token, { ...options, ...outliving })
  await oauth.processRevocationResponse(response)
}

// unless the browser keeps the page, tokens and all, for the way back
addEventListener('pagehide', (event) => event.persisted || signOut().catch(() => {}))

/** What the authorization server says of itself (RFC 8414). */
async function discover() {
  const response = () => oauth.discoveryRequest(issuer, { ...options, algorithm: 'oauth2' })
  return (metadata ??= await oauth.processDiscoveryResponse(issuer, await response()))
}

async function refresh() {
  if (!tokens.refresh) {
    tokens = null
    throw new Ended()
  }
  const response = await oauth.refreshTokenGrantRequest(metadata, client, oauth.None(), tokens.refresh, options)
  try {
    const answer = await oauth.processRefreshTokenResponse(metadata, client, response)
    // signed out meanwhile: the revocation ends these as well
    if (!tokens) throw new Ended()
    keep(answer)
  } catch (error) {
    if (error.error !== 'invalid_grant') throw error
    tokens = null
    throw new Ended()
  }
}

function keep(answer) {
  tokens = {
    access: answer.access_token,
    refresh: answer.refresh_token ?? tokens?.refresh,
    // what is left out is as it was asked for (RFC 6749 §5.1)
    scope: answer.scope ?? tokens?.scope ?? SCOPE,
    until: Date.now() + (answer.expires_in - 30) * 1000,
  }
}
