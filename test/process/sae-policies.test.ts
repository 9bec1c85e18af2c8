/**
 * What single applications may, on a real daemon and over its listener: peers, rate, quota, least source
 * and the emergency reserve. Then a flood of requests drains the pool, and who must have keys has some.
 *
 * The order of the parts matters: the fibre is cut before the flood.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { credentialsAt, keysIn, Sae, type NorthAnswer } from '../support/north.ts'
import { cohort } from '../support/records.ts'
import { makeTwoSites } from '../support/two-sites.ts'
import { until } from '../support/until.ts'

const KEY_BITS = 256
const EMERGENCY_KEYS = 40
/** Of all applications together, so that a flood meets it. */
const REQUESTS_PER_SECOND = 100
const POLICIES = [
  { sae: 'bristol.pair', peers: ['cambridge.lab'] },
  { sae: 'bristol.slow', requestsPerSecond: 2 },
  { sae: 'bristol.small', bitsPerHour: 4 * KEY_BITS },
  { sae: 'bristol.strict', leastSource: 'hardware' },
  { sae: 'bristol.trauma', emergency: true },
] as const
const SAES = Object.fromEntries(POLICIES.map(({ sae }) => [sae, 'bristol'] as const))

test('applications get what their policy leaves them', { timeout: 200_000 }, async (t) => {
  const sites = await makeTwoSites(t, { saes: { ...SAES, 'cambridge.lab': 'cambridge' } })
  const { bristol, cambridge } = sites
  bristol.configure((value) => {
    value['saePolicies'] = POLICIES
    value['emergencyBits'] = EMERGENCY_KEYS * KEY_BITS
    value['saeShare'] = 1
    value['saeRequestsPerSecond'] = REQUESTS_PER_SECOND
  })
  await sites.start()
  await Promise.all([bristol.hasKeys(400), cambridge.hasKeys(50)])
  const saeOf = (name: string): Sae => {
    const sae = new Sae(name, bristol.northPort, credentialsAt(join(sites.folder, name)))
    t.after(() => sae[Symbol.dispose]())
    return sae
  }
  const encKeys = (sae: Sae, body: object = {}, slave = 'cambridge.ward') =>
    sae.ask('POST', `${slave}/enc_keys`, body)

  await t.test('peers: keys with those it may, and with nobody else', async () => {
    const pair = saeOf('bristol.pair')
    assert.equal((await encKeys(pair, {}, 'cambridge.lab')).status, 200)
    refused(await encKeys(pair), 400, /policy/)
    const both = { additional_slave_SAE_IDs: ['cambridge.ward'] }
    refused(await encKeys(pair, both, 'cambridge.lab'), 400, /policy/)
    // And it is asked of slaves as well.
    const [made] = keysIn(await cambridge.ward.ask('POST', 'bristol.pair/enc_keys', {}))
    refused(await pair.ask('GET', `cambridge.ward/dec_keys?key_ID=${made.key_ID}`), 400, /policy/)
  })

  await t.test('rate: 429 with Retry-After above it, and again below it', async () => {
    const slow = saeOf('bristol.slow')
    const answers = await Promise.all(Array.from({ length: 12 }, () => encKeys(slow)))
    const over = answers.filter(({ status }) => status === 429)
    assert(over.length >= 6 && over.length < 12, `${over.length} of 12`)
    for (const answer of over) assert(retryAfter(refused(answer, 429)) >= 1)
    await until('it may ask again', async () => (await encKeys(slow)).status === 200)
  })

  await t.test('quota: as many bits an hour, and told when there are more', async () => {
    const small = saeOf('bristol.small')
    refused(await encKeys(small, { number: 5 }), 503, /bits of key an hour/)
    assert.equal(keysIn(await encKeys(small, { number: 3 })).length, 3)
    assert.equal(keysIn(await encKeys(small)).length, 1)
    const over = refused(await encKeys(small), 503, /bits of key an hour/)
    // A key's worth of bits wears off in a quarter of an hour.
    assert(retryAfter(over) > 800 && retryAfter(over) <= 900, over.body)
  })

  await t.test('least source: simulated keys are not what it wants', async () => {
    refused(await encKeys(saeOf('bristol.strict')), 503, /hardware/)
  })

  await t.test('a flood is answered with 429 and 503, each with Retry-After', async () => {
    await sites.fibre.daemon.kill()
    await until('the pool does not grow any more', async () => {
      return (await bristol.status()).links[0].state !== 'running'
    })
    const seen = new Map<number, number>()
    await until('the pool is drained', async () => {
      const flood = Array.from({ length: 300 }, () => encKeys(bristol.ward, { number: 8 }))
      for (const answer of await Promise.all(flood)) {
        seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1)
        if (answer.status !== 200) assert(retryAfter(refused(answer, answer.status)) >= 1)
      }
      return (await encKeys(bristol.ward)).status === 503
    })
    assert.deepEqual([...seen.keys()].toSorted(), [200, 429, 503])
  })

  await t.test('who is marked for emergencies has keys then, up to what is kept', async () => {
    const trauma = saeOf('bristol.trauma')
    let had = 0
    const last = await until('the reserve is used up', async () => {
      const answer = await encKeys(trauma, { number: 4 })
      if (answer.status === 200) had += keysIn(answer).length
      return answer.status === 503 && answer
    })
    refused(last, 503)
    assert(had > 0 && had <= EMERGENCY_KEYS, `${had} keys`)
    refused(await encKeys(bristol.ward), 503)
  })

  await t.test('and the site itself still sends under quantum keys', async () => {
    const [, bundle] = cohort(3, 1)
    const { patients } = await bristol.import(bundle)
    const wanted = { patient: patients[0], to: 'cambridge', mode: 'require-quantum' } as const
    const { transfer } = await bristol.admin.call('send', {}, wanted)
    const { state, reason, protection } = await bristol.finished(transfer)
    assert.equal(state, 'delivered', reason)
    assert.equal(protection?.mode, 'require-quantum')
    assert(protection.keyIds.length > 0)
  })
})

const retryAfter = ({ headers }: NorthAnswer): number => Number(headers['retry-after'])

/** A refusal with this status, its message in JSON. */
function refused(answer: NorthAnswer, status: number, message?: RegExp): NorthAnswer {
  assert.equal(answer.status, status, answer.body.slice(0, 200))
  const said = JSON.parse(answer.body) as { readonly message: string }
  if (message !== undefined) assert.match(said.message, message)
  return answer
}
