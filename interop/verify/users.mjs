// A user's notes, by a stock OAuth client (openid-client), without a secret and with one: authorization code with PKCE,
// refresh, introspection, revocation.
//
// Takes the ISSUER of a running `embed` and the CLIENT_SECRET of `paper` from the environment. fetch with a cookie jar
// plays the browser: it signs in and answers on the real forms.

import assert from 'node:assert/strict'

import * as oauth from 'openid-client'

const { ISSUER, CLIENT_SECRET } = process.env
const SCOPE = 'notes.read notes.write offline_access'
const API = new URL('/api/notes', ISSUER)

// RFC 8414; plain http is for the loopback address
const discover = (id, authentication) =>
  oauth.discovery(new URL(ISSUER), id, undefined, authentication, {
    algorithm: 'oauth2',
    execute: [oauth.allowInsecureRequests],
  })
const cli = {
  config: await discover('notes-cli', oauth.None()),
  redirectUri: 'http://127.0.0.1:51004/callback',
  name: 'Notes for the terminal',
}
const paper = {
  config: await discover('paper', oauth.ClientSecretBasic(CLIENT_SECRET)),
  redirectUri: 'https://paper.example/callback',
  name: 'Paper &#38; Post',
}

function newBrowser() {
  const cookies = new Map()
  return async function visit(url, body) {
    const cookie = [...cookies].map((pair) => pair.join('=')).join('; ')
    const answer = await fetch(url, { method: body ? 'POST' : 'GET', body, headers: { cookie }, redirect: 'manual' })
    for (const line of answer.headers.getSetCookie()) {
      const [name, value] = line.split(';')[0].split('=')
      if (/max-age=0/i.test(line)) cookies.delete(name)
      else cookies.set(name, value)
    }
    const location = answer.headers.get('location')
    const next = location && new URL(location, url)
    if (next && next.origin === ISSUER) return visit(next)
    return { url, next, html: await answer.text(), status: answer.status }
  }
}

// the fields of the page's last form, as a browser without scripts would send them
function fill({ html, url }, filled) {
  const form = html.slice(html.lastIndexOf('<form'))
  const attribute = (tag, name) => tag.match(new RegExp(` ${name}="([^"]*)"`))?.[1]
  const fields = new URLSearchParams()
  for (const [tag] of form.matchAll(/<input[^>]*>/g)) fields.append(attribute(tag, 'name'), attribute(tag, 'value') ?? '')
  for (const [name, value] of Object.entries(filled)) fields.set(name, value)
  return [new URL(attribute(form.slice(0, form.indexOf('>')), 'action') ?? '', url), fields]
}

async function answer(client, url, decision) {
  const visit = newBrowser()
  const login = await visit(url)
  const prompt = await visit(...fill(login, { login: 'ben', password: 'staple of the evening' }))
  assert.ok(prompt.html.includes(`Allow <strong>${client.name}</strong>`), prompt.html)
  const here = new URL(prompt.url)
  const { next } = await visit(...fill({ ...prompt, url: here }, { decision }))
  return next
}

async function ask({ config, redirectUri }) {
  const pkceCodeVerifier = oauth.randomPKCECodeVerifier()
  const expectedState = oauth.randomState()
  const url = oauth.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: SCOPE,
    state: expectedState,
    code_challenge: await oauth.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
  })
  return { url, checks: { pkceCodeVerifier, expectedState } }
}

async function refuses(why, expected, promise) {
  const error = await promise.then(() => assert.fail(`accepted, although ${why}`), (error) => error)
  // an answer with a challenge is left unread
  const told = error.error ?? (await error.response?.json())?.error
  assert.equal(told, expected, error)
  console.log(`  refused, ${why}: ${told}`)
  return error
}

async function tokensOf(client) {
  const { url, checks } = await ask(client)
  const callback = await answer(client, url, 'approve')
  const tokens = await oauth.authorizationCodeGrant(client.config, callback, checks)
  assert.deepEqual(tokens.scope.split(' ').sort(), SCOPE.split(' ').sort())
  return { tokens, callback, checks }
}

const read = ({ config }, token) => oauth.fetchProtectedResource(config, token, API, 'GET')

// revokes the refresh token: neither token is good for anything afterwards
async function revokes(client, tokens) {
  assert.equal((await read(client, tokens.access_token)).status, 200)
  await oauth.tokenRevocation(client.config, tokens.refresh_token, { token_type_hint: 'refresh_token' })
  const ended = await refuses('the API knows of the revocation', 'invalid_token', read(client, tokens.access_token))
  assert.equal(ended.status, 401)
  const refresh = oauth.refreshTokenGrant(client.config, tokens.refresh_token)
  await refuses('the refresh token was revoked', 'invalid_grant', refresh)
}

const { tokens } = await tokensOf(cli)
const written = await oauth.fetchProtectedResource(cli.config, tokens.access_token, API, 'POST', 'from Node')
assert.equal(written.status, 201)
const refreshed = await oauth.refreshTokenGrant(cli.config, tokens.refresh_token)
assert.notEqual(refreshed.refresh_token, tokens.refresh_token)
const notes = await (await read(cli, refreshed.access_token)).json()
assert.deepEqual(notes.map((note) => note.text), ['from Node'])
console.log(`  openid-client: a code, tokens, a refresh, ${notes.length} note(s) read`)
const introspection = oauth.tokenIntrospection(cli.config, refreshed.access_token)
const { status } = await refuses('introspection is for clients with a secret', 'invalid_client', introspection)
assert.equal(status, 401)
await revokes(cli, refreshed)

const held = (await tokensOf(paper)).tokens
const introspected = (token) => oauth.tokenIntrospection(paper.config, token)
const { active, client_id, scope } = await introspected(held.access_token)
assert.deepEqual({ active, client_id, scope }, { active: true, client_id: 'paper', scope: held.scope })
assert.equal((await introspected(held.refresh_token)).active, true)
await revokes(paper, held)
assert.deepEqual(await introspected(held.access_token), { active: false })
assert.deepEqual(await introspected(held.refresh_token), { active: false })
console.log('  openid-client with a secret: both tokens active, one revoked, both inactive')

const used = await tokensOf(cli)
const again = oauth.authorizationCodeGrant(cli.config, used.callback, used.checks)
await refuses('the code was used', 'invalid_grant', again)
const second = await ask(cli)
const other = { ...second.checks, pkceCodeVerifier: oauth.randomPKCECodeVerifier() }
const byOther = oauth.authorizationCodeGrant(cli.config, await answer(cli, second.url, 'approve'), other)
await refuses('the verifier is another', 'invalid_grant', byOther)
const third = await ask(cli)
const denied = oauth.authorizationCodeGrant(cli.config, await answer(cli, third.url, 'deny'), third.checks)
await refuses('the user denied it', 'access_denied', denied)
