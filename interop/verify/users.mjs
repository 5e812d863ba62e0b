// A user's notes, by a stock OAuth client that keeps no secret (openid-client): authorization code with PKCE, refresh.
//
// Takes the ISSUER of a running `embed` from the environment. fetch with a cookie jar plays the browser: it signs in and
// answers on the real forms.

import assert from 'node:assert/strict'

import * as oauth from 'openid-client'

const { ISSUER } = process.env
const REDIRECT_URI = 'http://127.0.0.1:51004/callback'
const SCOPE = 'notes.read notes.write offline_access'

// RFC 8414; plain http is for the loopback address
const config = await oauth.discovery(new URL(ISSUER), 'notes-cli', undefined, oauth.None(), {
  algorithm: 'oauth2',
  execute: [oauth.allowInsecureRequests],
})

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

async function answer(url, decision) {
  const visit = newBrowser()
  const login = await visit(url)
  const prompt = await visit(...fill(login, { login: 'ben', password: 'staple of the evening' }))
  assert.match(prompt.html, /Notes for the terminal/)
  const here = new URL(prompt.url)
  const { next } = await visit(...fill({ ...prompt, url: here }, { decision }))
  return next
}

async function ask() {
  const pkceCodeVerifier = oauth.randomPKCECodeVerifier()
  const expectedState = oauth.randomState()
  const url = oauth.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT_URI,
    scope: SCOPE,
    state: expectedState,
    code_challenge: await oauth.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
  })
  return { url, checks: { pkceCodeVerifier, expectedState } }
}

const { url, checks } = await ask()
const callback = await answer(url, 'approve')
const tokens = await oauth.authorizationCodeGrant(config, callback, checks)
assert.deepEqual(tokens.scope.split(' ').sort(), SCOPE.split(' ').sort())
const api = new URL('/api/notes', ISSUER)
const written = await oauth.fetchProtectedResource(config, tokens.access_token, api, 'POST', 'from Node')
assert.equal(written.status, 201)
const refreshed = await oauth.refreshTokenGrant(config, tokens.refresh_token)
assert.notEqual(refreshed.refresh_token, tokens.refresh_token)
const notes = await (await oauth.fetchProtectedResource(config, refreshed.access_token, api, 'GET')).json()
assert.deepEqual(notes.map((note) => note.text), ['from Node'])
console.log(`  openid-client: a code, tokens, a refresh, ${notes.length} note(s) read`)

async function refuses(why, promise) {
  await assert.rejects(promise, (error) => {
    console.log(`  refused, ${why}: ${error.error ?? error.code}`)
    return true
  })
}
await refuses('the code was used', oauth.authorizationCodeGrant(config, callback, checks))
const second = await ask()
const other = { ...second.checks, pkceCodeVerifier: oauth.randomPKCECodeVerifier() }
await refuses('the verifier is another', oauth.authorizationCodeGrant(config, await answer(second.url, 'approve'), other))
const third = await ask()
await refuses('the user denied it', oauth.authorizationCodeGrant(config, await answer(third.url, 'deny'), third.checks))
