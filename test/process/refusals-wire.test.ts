/**
 * Between two real sites stands one who holds the keys of both, and repeats or changes what one
 * tells the other: every message of a transfer, of a session, of keys and of the link. Nothing is
 * imported twice or wrongly, nothing is lost, and once he has gone all is as before.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { SeededRandom } from '#base'
import { Interceptor, questionIn, untouched, type Question } from '../support/interceptor.ts'
import { cohort, textsByName } from '../support/records.ts'
import { changesNothing } from '../support/standing.ts'
import { makeTwoSites, type TestSite } from '../support/two-sites.ts'
import { until } from '../support/until.ts'

/** Everything that a transfer, the keys for it and the log between the sites need. */
const METHODS: readonly string[] = [
  ...['audit/cosign', 'exchange/commit', 'exchange/items', 'exchange/offer'],
  ...['kme/activate', 'link/bootstrap', 'link/open', 'session/confirm', 'session/hello'],
]
const random = new SeededRandom(20_260_122)

test('a liar between two sites repeats and changes messages in vain', async (t) => {
  const sites = await makeTwoSites(t)
  const { bristol, cambridge } = sites
  await using between = await Interceptor.between(bristol, cambridge)
  await sites.start()
  await bristol.hasKeys(1)
  const [organisations, ...bundles] = cohort(5, 4)
  await bristol.import(organisations)
  const patients: string[] = []
  for (const bundle of bundles) patients.push(...(await bristol.import(bundle)).patients)
  for (const patient of patients.slice(0, 2)) await deliver(bristol, patient)
  const keys = await bristol.ward.encKeys('cambridge.ward', 2)
  assert.equal(keys?.length, 2)

  await t.test('every question, asked again in a later connection, changes nothing', async () => {
    await until('every method was asked', () =>
      METHODS.every((method) => between.questions.some((one) => one.method === method)),
    )
    const asked = [...between.questions]
    await changesNothing([cambridge], async () => {
      const answers = await between.ask(asked)
      for (const [at, { method }] of asked.entries()) {
        // Sessions are for once; whatever else was done is said to be done.
        const refused = answers[at]['refused'] as { code: string } | undefined
        const once = REPLAYED.get(method)
        if (once === undefined) assert.notEqual(refused?.code, 'INTERNAL', method)
        else assert.equal(refused?.code, once, method)
      }
    })
    const ids = keys.map(({ key_ID }) => key_ID)
    assert.deepEqual(await cambridge.ward.decKeys('bristol.ward', ids), keys)
    assert.equal(await cambridge.ward.decKeys('bristol.ward', ids), undefined, 'once')
  })

  await t.test(
    'changed questions of a transfer import nothing wrong, and it arrives',
    async (t: TestContext) => {
      let changed = 0
      between.meddling = (channel, octets) => {
        if (channel !== 'peer' || changed >= 12) return [octets]
        const { method } = questionIn(octets)
        if (!/^(session|exchange|kme)\//.test(method)) return [octets]
        changed++
        return [flipped(octets)]
      }
      await deliver(bristol, patients[2])
      between.meddling = untouched
      t.diagnostic(`${changed} messages were changed`)
      assert(changed > 0)
    },
  )

  await t.test('questions that come twice, and late again, are one', async () => {
    const late: Uint8Array[] = []
    between.meddling = (channel, octets) => {
      if (channel !== 'peer') return [octets]
      late.push(octets.slice())
      return [...late.slice(-3), octets]
    }
    await deliver(bristol, patients[3])
    between.meddling = untouched
  })

  await t.test(
    'changed messages of the link cost blocks, raise an alarm, and no more',
    async () => {
      const before = await distilled(bristol)
      between.meddling = (channel, octets) => {
        return channel === 'peer' || random.below(40) > 0 ? [octets] : [flipped(octets)]
      }
      await until('it shows', async () => {
        const { links, alarms } = await bristol.status()
        return links[0].state !== 'running' || alarms.some(({ kind }) => kind.startsWith('link.'))
      })
      between.meddling = untouched
      await until('keys grow again', async () => (await distilled(bristol)) > before + 1)
      await bristol.hasKeys(1)
      const more = await bristol.ward.encKeys('cambridge.ward', 4)
      const ids = (more ?? []).map(({ key_ID }) => key_ID)
      assert.deepEqual(
        await cambridge.ward.decKeys('bristol.ward', ids),
        more,
        'equal at both ends',
      )
    },
  )

  await t.test('each patient is there once, as he was, and both sites verify', async () => {
    const there = await cambridge.admin.call('patients', {}, null)
    assert.equal(there.length, patients.length)
    const sent = new Map<string, string>()
    for (const patient of patients) addAll(sent, await bristol.read(patient))
    const arrived = new Map<string, string>()
    for (const { patient } of there) addAll(arrived, await cambridge.read(patient))
    assert.deepEqual(arrived, sent)
    for (const site of [bristol, cambridge]) assert.deepEqual((await site.verify()).faults, [])
  })
})

/** Questions that may be answered once only, and what a repetition is told. */
const REPLAYED: ReadonlyMap<Question['method'], string> = new Map([
  ['session/hello', 'SESSION_REPLAYED'],
  ['session/confirm', 'SESSION_MISMATCHED'],
  ['exchange/items', 'OFFER_UNKNOWN'],
  ['link/open', 'OPENING_STALE'],
])

async function deliver(from: TestSite, patient: string): Promise<void> {
  const { transfer } = await from.admin.call('send', {}, { patient, to: 'cambridge' })
  const { state, reason } = await from.finished(transfer)
  assert.equal(state, 'delivered', reason)
}

/** One bit changed, anywhere. */
function flipped(octets: Uint8Array): Uint8Array {
  const changed = octets.slice()
  changed[random.below(changed.length)] ^= 1 << random.below(8)
  return changed
}

/** Blocks that a link has made in all its sessions. */
async function distilled(site: TestSite): Promise<number> {
  const entries = await site.admin.call('entries', { limit: '1000' }, null)
  return entries.filter(({ kind }) => kind === 'key.block-available').length
}

function addAll(into: Map<string, string>, texts: readonly string[]): void {
  for (const [name, text] of textsByName(texts)) into.set(name, text)
}
