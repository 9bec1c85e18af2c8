/**
 * Two hospitals: people of the one are known at the other, whose embedded provider the first one takes
 * as a provider outside.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { freePorts } from '#cli'
import { totpCode } from '#access'
import { fetchAs, makeFhirSite } from './fhir-site.ts'
import { standing } from './sign-on-site.ts'
import { secretOf } from './totp.ts'
import { Visitor, type Visited } from './visitor.ts'

export const PROVIDER = 'harbour'
const PASSWORD = 'correct horse battery'
const REDIRECT = 'https://app.example/back'

/** A site that takes another one's provider, both running, and people bound to nobody yet. */
export async function withOutside(t: TestContext) {
  const outside = await standing(t, 'localhost')
  const made = await makeFhirSite(t, { clients: { 'bristol.ward': 'write' } })
  const { site, base } = made
  const { ca } = made.credentials('bristol.ward')
  const [consolePort] = await freePorts(1)
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' })
  writeFileSync(join(site.folder, 'harbour.pem'), pem, { mode: 0o600 })
  writeFileSync(join(site.folder, 'harbour-ca.pem'), outside.ca)
  site.configure((value) => {
    Object.assign(value['fhir'] as object, { tokens: true, base })
    value['consoleListener'] = { host: '127.0.0.1', port: consolePort }
    value['people'] = {
      providers: [
        {
          ...{ name: PROVIDER, title: 'Harbour Hospital', issuer: `${outside.origin}/auth` },
          ...{ clientId: 'bristol', clientKeyFile: 'harbour.pem', caFile: 'harbour-ca.pem' },
          secondFactor: { amr: ['mfa'] },
        },
      ],
    }
  })
  await site.daemon.start()
  const { admin } = site
  const [origin, console] = [new URL(base).origin, `http://127.0.0.1:${String(consolePort)}`]
  const jwk = createPublicKey(privateKey).export({ format: 'jwk' })
  const key = { ...jwk, kid: 'bristol', alg: 'ES384', use: 'sig' }
  await outside.admin.call(
    'addApp',
    {},
    {
      ...({ client: 'bristol', kind: 'confidential', name: 'Bristol' } as const),
      ...{ scope: 'openid', jwks: JSON.stringify({ keys: [key] }) },
      redirectUris: [origin + '/auth', console].map((one) => `${one}/from/${PROVIDER}`),
    },
  )
  await admin.call(
    'addApp',
    {},
    {
      ...({ client: 'growth', kind: 'public', name: 'Growth' } as const),
      ...{ redirectUris: [REDIRECT], scope: 'openid fhirUser user/Patient.rs' },
    },
  )
  const add = async (login: string, role: string) => {
    const references = [`Practitioner/${login}`]
    const wish = { kind: 'person' as const, login, name: login, references }
    const { person } = await admin.call('addPerson', {}, wish)
    const change = { add: [role], remove: [], clear: [], unclear: [] }
    await admin.call('changeRoles', { person }, change)
    return person
  }
  const ward = fetchAs(t, { ca: outside.ca })
  return {
    ...{ site, admin, origin, base, console, outside, add, password: PASSWORD },
    bare: fetchAs(t, { ca }),
    /** Signs in at the provider and lets this site know, as far as where it sends the browser back to. */
    atProvider: async (url: URL, by: Readonly<Record<string, string>>): Promise<URL> => {
      const visitor = new Visitor(ward, outside.origin)
      const asked = await visitor.submit(await visitor.visit(url), 'sign-in', by)
      return (await visitor.submit(asked, 'allow')).url
    },
    newVisitor: () => new Visitor(fetchAs(t, { ca }), origin),
  }
}

/** A code of an authenticator app that is new to a person of a site: each is good once. */
export async function newCode(
  admin: Awaited<ReturnType<typeof standing>>['admin'],
  person: string,
): Promise<string> {
  const { uri } = await admin.call('addTotp', { person }, null)
  return totpCode(secretOf(uri), Math.floor(Date.now() / 30_000))
}

/** The address that a page was sent to. */
export function wentTo({ url, status, text }: Visited, origin: string): URL {
  assert.equal(url.origin, origin, `${String(status)} ${text}`)
  return url
}
