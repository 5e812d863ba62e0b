// A token from the quickstart, by a stock OAuth client and a JWT library that are not ours (openid-client, jose).
//
// Takes ISSUER, CLIENT_ID and CLIENT_SECRET from the environment.

import assert from 'node:assert/strict'

import { createRemoteJWKSet, jwtVerify } from 'jose'
import * as oauth from 'openid-client'

const { ISSUER, CLIENT_ID, CLIENT_SECRET } = process.env
const SCOPE = 'orders.read'

// RFC 8414; plain http is for the loopback address
const discover = (secret) =>
  oauth.discovery(new URL(ISSUER), CLIENT_ID, undefined, oauth.ClientSecretBasic(secret), {
    algorithm: 'oauth2',
    execute: [oauth.allowInsecureRequests],
  })

const config = await discover(CLIENT_SECRET)
const metadata = config.serverMetadata()
assert.equal(metadata.issuer, ISSUER)

const answer = await oauth.clientCredentialsGrant(config, { scope: SCOPE })
const token = answer.access_token
assert.equal(answer.refresh_token, undefined)

const keys = createRemoteJWKSet(new URL(metadata.jwks_uri))
const expected = { issuer: ISSUER, audience: 'orders', typ: 'at+jwt', algorithms: ['ES256'] }
const { payload } = await jwtVerify(token, keys, expected)
assert.equal(payload.sub, CLIENT_ID)
assert.equal(payload.client_id, CLIENT_ID)
assert.equal(payload.scope, SCOPE)
console.log('  jose verifies:', payload)

const orders = (bearer) => fetch(`${ISSUER}/orders`, { headers: { authorization: `Bearer ${bearer}` } })
assert.equal((await orders(token)).status, 200)

const [header, , signature] = token.split('.')
const widened = Buffer.from(JSON.stringify({ ...payload, scope: `${SCOPE} admin` })).toString('base64url')
const changed = [header, widened, signature].join('.')

async function refuses(why, promise) {
  await assert.rejects(promise, (error) => {
    console.log(`  refused, ${why}: ${error.code}`)
    return true
  })
}
await refuses('it was changed', jwtVerify(changed, keys, expected))
await refuses('it is for another API', jwtVerify(token, keys, { ...expected, audience: 'billing' }))
await refuses('another issuer is expected', jwtVerify(token, keys, { ...expected, issuer: `${ISSUER}/` }))
await refuses('it is no id token', jwtVerify(token, keys, { ...expected, typ: 'JWT' }))
await refuses('the secret is wrong', oauth.clientCredentialsGrant(await discover('wrong'), { scope: SCOPE }))
assert.equal((await orders(changed)).status, 401)
