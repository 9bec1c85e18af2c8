/**
 * Where the authorization server keeps what it has to remember: in rows of the site, sealed.
 *
 * Nothing is found by what a stolen database says. Revoking a grant takes the grant away, and what was
 * given under it stands no longer; that whoever is suspended holds nothing any more, the rows see to.
 *
 * @module
 */

import { InvalidGrant } from 'oidc-provider/lib/helpers/errors.js'
import type { Adapter, AdapterPayload } from 'oidc-provider/lib/provider.js'
import { DAY_MS, epochMs } from '#base'
import type { Authorizing } from '#site'

/** The adapter for one sort of things. @param sort   as `oidc-provider` names it */
export function adapterFor(sort: string, authorizing: Authorizing): Adapter {
  const { memory } = authorizing
  const read = (payload: string | undefined): AdapterPayload | undefined =>
    payload === undefined ? undefined : (JSON.parse(payload) as AdapterPayload)
  return {
    async upsert(id, payload, expiresIn) {
      const { accountId: person, clientId: client, grantId: grant, uid } = payload
      const lifeMs = expiresIn === undefined ? DAY_MS : expiresIn * 1000
      await memory.keep(sort, id, {
        payload: JSON.stringify(payload),
        endsAt: epochMs(authorizing.now() + lifeMs),
        ...(person === undefined ? {} : { person }),
        ...(client === undefined ? {} : { client }),
        // A sign-in under way names a grant before there is one.
        ...(grant === undefined || !GRANTED.includes(sort) ? {} : { grant }),
        ...(uid === undefined || sort !== 'Session' ? {} : { uid }),
      })
    },
    async find(id) {
      if (sort === 'Client') return await clientOf(id, authorizing)
      const payload = read(await memory.find(sort, id))
      return payload !== undefined && (await isOfApp(payload, authorizing)) ? payload : undefined
    },
    findByUid: async (uid) => read(await memory.findByUid(sort, uid)),
    // There is no device flow.
    findByUserCode: () => Promise.resolve(undefined),
    async destroy(id) {
      await memory.forget(sort, id)
    },
    async consume(id) {
      const payload = read(await memory.find(sort, id))
      const consumed = Math.floor(authorizing.now() / 1000)
      const isOurs =
        payload !== undefined &&
        payload['consumed'] === undefined &&
        (await memory.change(sort, id, JSON.stringify({ ...payload, consumed })))
      // Two came with the same secret at one time: one of them is a thief, and nobody knows which.
      if (isOurs) return
      if (payload?.grantId !== undefined) await memory.forget('Grant', payload.grantId)
      throw new InvalidGrant('used by two at one time')
    },
    async revokeByGrantId(grantId) {
      await memory.forget('Grant', grantId)
    },
  }
}

/** Whether an app is the one it was: one that was taken away and is there again holds nothing. */
async function isOfApp(
  { clientId, iat }: AdapterPayload,
  authorizing: Authorizing,
): Promise<boolean> {
  if (clientId === undefined || iat === undefined) return true
  const app = await authorizing.appOf(clientId)
  return app !== undefined && Math.floor(app.since / 1000) <= iat
}

/** An app as the library knows clients; none for a backend service. */
async function clientOf(id: string, authorizing: Authorizing): Promise<AdapterPayload | undefined> {
  const app = await authorizing.appOf(id)
  if (app === undefined) return undefined
  return {
    client_id: app.client,
    client_name: app.name,
    // Not `native`: that would take any port of this machine for the one that is registered.
    application_type: 'web',
    redirect_uris: app.redirectUris,
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    ...(app.jwks === undefined
      ? { token_endpoint_auth_method: 'none' }
      : {
          token_endpoint_auth_method: 'private_key_jwt',
          jwks: JSON.parse(app.jwks) as unknown,
        }),
  }
}

/** What is given under a grant, and ends with it. */
const GRANTED: readonly string[] = ['AuthorizationCode', 'RefreshToken', 'AccessToken']
