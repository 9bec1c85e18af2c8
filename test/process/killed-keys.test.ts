/**
 * `kill -9` of a real daemon at one named moment in the life of a key: before the other site has heard
 * of it, before its master gets it, after its slave has had it noted and not the key. Whoever stands
 * between the sites holds a message back until the kill is done, so that the moment is certain.
 *
 * Afterwards no bits that were reserved are ever reserved again, and both ends tell one story of each key.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { fromCbor } from '#base'
import { readActivation } from '#keystore'
import { Interceptor, questionIn, untouched } from '../support/interceptor.ts'
import { keysIn, type NorthAnswer } from '../support/north.ts'
import { entriesOf } from '../support/standing.ts'
import { makeTwoSites, type TestSite } from '../support/two-sites.ts'
import { until } from '../support/until.ts'

const ACTIVATE = 'kme/activate'
const MESSAGE_MAX = 2 ** 20
/** Of the race between a kill and an answer, which is won about every second time. */
const TRIES = 24
/** Keys of one activation, where none asked for so many. */
const AHEAD_LEAST = 16
const ISSUED: readonly string[] = ['key.issued', 'key.perhaps-issued']
const FATES: readonly string[] = [...ISSUED, 'key.voided']
/** Keys of one pair whose fate a crash may leave open: what a second's entry and two commits name. */
const PERHAPS_MOST = 1024

test('daemons killed at named moments lose and double no key', { timeout: 280_000 }, async (t) => {
  const sites = await makeTwoSites(t)
  const { bristol, cambridge } = sites
  await using between = await Interceptor.between(bristol, cambridge)
  await sites.start()
  await Promise.all([bristol.hasKeys(40), cambridge.hasKeys(40)])

  await t.test('the master’s, after it has reserved and before the slave’s has heard', async () => {
    const held = heldQuestion(between)
    const asking = assert.rejects(bristol.ward.ask('GET', 'cambridge.ward/enc_keys'))
    const question = await held
    await bristol.daemon.kill()
    await asking
    between.meddling = untouched
    await bristol.daemon.start()
    const [id] = idsIn(question)
    await settled(bristol, id)
    // What was held back comes at last, and revives nothing.
    const [late] = await between.ask([questionIn(question)])
    assert.deepEqual(kindsOfAnswer(late), ['refused'])
    assert.equal((await fetch(cambridge, id)).status, 400)
    assert.deepEqual(await storyOf(bristol, id), ['key.reserved', 'key.voided'])
    assert.deepEqual(await storyOf(cambridge, id), ['key.voided'])
  })

  await t.test(
    'the master’s, after the slave’s has acknowledged and before it answers',
    async () => {
      const [question, acknowledged] = [seenQuestion(between), heldAnswer(between)]
      const asking = assert.rejects(bristol.ward.ask('GET', 'cambridge.ward/enc_keys'))
      const [id] = idsIn(await question)
      await acknowledged
      await bristol.daemon.kill()
      await asking
      ;[between.meddling, between.answering] = [untouched, untouched]
      await bristol.daemon.start()
      await settled(bristol, id)
      assert.equal((await fetch(cambridge, id)).status, 400)
      assert.deepEqual(await storyOf(bristol, id), ['key.reserved', 'key.voided'])
      assert.deepEqual(await storyOf(cambridge, id), ['key.activated', 'key.voided'])
    },
  )

  await t.test('the slave’s, after it has acknowledged, its word lost', async () => {
    const [question, acknowledged] = [seenQuestion(between), heldAnswer(between)]
    const asking = bristol.ward.ask('GET', 'cambridge.ward/enc_keys')
    const [id] = idsIn(await question)
    await acknowledged
    await cambridge.daemon.kill()
    // Nobody knows whether it took them: no key, and none later.
    assert.equal((await asking).status, 503)
    ;[between.meddling, between.answering] = [untouched, untouched]
    await cambridge.daemon.start()
    await settled(bristol, id)
    assert.equal((await fetch(cambridge, id)).status, 400)
    assert.deepEqual(await storyOf(cambridge, id), ['key.activated', 'key.voided'])
  })

  await t.test(
    'the slave’s, after the key counts as had and before its body is sent',
    async (t) => {
      assert(await killedBeforeBody(t, sites), `no kill of ${TRIES} came first`)
    },
  )

  await t.test('the master’s, while it gives out keys made ahead', async () => {
    await bristol.hasKeys(600)
    const ahead = new Set<string>()
    between.meddling = (channel, octets) => {
      // A question may hold many activations; keys made ahead have one for many.
      const asked = isActivation(channel, octets) ? activationsIn(questionIn(octets).payload) : []
      const many = asked.filter(({ keyIds }) => keyIds.length >= AHEAD_LEAST)
      for (const id of many.flatMap(({ keyIds }) => keyIds)) ahead.add(id)
      return [octets]
    }
    const given = new Map<string, string>()
    const asking = Array.from({ length: 8 }, () => askUntilItDies(bristol, given))
    const fromAhead = () => [...given.keys()].filter((id) => ahead.has(id)).length
    await until('keys made ahead are given out', () => Promise.resolve(fromAhead() >= 20))
    await bristol.daemon.kill()
    await Promise.all(asking)
    between.meddling = untouched
    const early = [...given][0]
    assert.equal(await keyAt(cambridge, early[0]), early[1], 'it waits while its master is gone')
    given.delete(early[0])
    await bristol.daemon.start()
    const stories = await storiesOf(bristol)
    // Where all were allotted before the kill, nothing is left to be withdrawn.
    const rest = [...ahead].findLast((id) => stories.get(id)?.includes('key.allotted') !== true)
    if (rest !== undefined) await settled(bristol, rest)
    const perhaps = [...ahead].filter((id) => stories.get(id)?.includes('key.perhaps-issued'))
    assert(perhaps.length <= PERHAPS_MOST, `${perhaps.length} keys`)
    for (const id of ahead) {
      const fates = (stories.get(id) ?? []).filter((kind) => FATES.includes(kind))
      assert.equal(fates.length, 1, `${id}: ${String(stories.get(id))}`)
    }
    for (const [id, key] of given) assert.equal(await keyAt(cambridge, id), key)
    for (const id of ahead) {
      // Issued, or perhaps so, whether or not the answer came; or withdrawn.
      const isIssued = issuedBy(stories.get(id))
      const isHad = given.has(id) || id === early[0]
      const status = isIssued && !isHad ? 200 : 400
      assert.equal((await fetch(cambridge, id)).status, status, `${id}: ${String(stories.get(id))}`)
    }
  })

  await t.test('bits that were reserved once were never reserved again', () => {
    const octets = new Set<string>()
    const ids = new Set<string>()
    const questions = between.questions.filter(({ method }) => method === ACTIVATE)
    for (const { keyIds, ranges } of questions.flatMap(({ payload }) => activationsIn(payload))) {
      if (keyIds.every((id) => ids.has(id))) continue // The one that was said again.
      for (const id of keyIds) ids.add(id)
      for (const { epoch, sequence, from, octets: size } of ranges) {
        for (let at = from; at < from + size; at++) {
          const place = `${String(epoch)}-${String(sequence)}-${String(at)}`
          assert(!octets.has(place), `octet ${place} was reserved twice`)
          octets.add(place)
        }
      }
    }
    assert(ids.size >= 4)
  })

  await t.test('both ends tell the same of every key, and both verify', async () => {
    for (const [id, kinds] of await storiesOf(bristol)) {
      if (!kinds.includes('key.reserved')) continue
      const there = await storyOf(cambridge, id)
      const [voided, issued] = [kinds.includes('key.voided'), issuedBy(kinds)]
      assert.notEqual(voided, issued, id)
      const told = kinds.filter((kind) => ISSUED.includes(kind))
      assert(told.length <= 1 && kinds.at(-1) === (told[0] ?? 'key.voided'), id)
      assert.equal(there.includes('key.voided'), voided, id)
      if (issued) assert(there.includes('key.activated'), id)
    }
    for (const site of [bristol, cambridge]) assert.deepEqual((await site.verify()).faults, [])
  })
})

/** Whether a key was given out, or may have been, by what the log tells of it. */
const issuedBy = (kinds: readonly string[] = []): boolean =>
  kinds.some((kind) => ISSUED.includes(kind))

/** Asks for one key after the other until the daemon is gone; no key_ID comes twice. */
async function askUntilItDies({ ward }: TestSite, given: Map<string, string>): Promise<void> {
  for (;;) {
    const answer = await ward.ask('GET', 'cambridge.ward/enc_keys').catch(() => undefined)
    if (answer === undefined) return
    if (answer.status !== 200) continue
    for (const { key_ID, key } of keysIn(answer)) {
      assert(!given.has(key_ID), 'a key came twice')
      given.set(key_ID, key)
    }
  }
}

/** The key of a name, as its slave gets it; undefined if it does not. */
async function keyAt(site: TestSite, id: string): Promise<string | undefined> {
  const answer = await fetch(site, id)
  return answer.status === 200 ? keysIn(answer)[0].key : undefined
}

/**
 * Kills the slave's daemon the moment its database says that a key was had, until that was once before
 * the body had come. Whatever was first, the key is not given again.
 */
async function killedBeforeBody(
  t: TestContext,
  { bristol, cambridge }: { readonly bristol: TestSite; readonly cambridge: TestSite },
): Promise<boolean> {
  for (let tries = 1; tries <= TRIES; tries++) {
    const [{ key_ID: id, key }] = await until('a key', () => bristol.ward.encKeys('cambridge.ward'))
    // So that a connection stands.
    assert.equal((await cambridge.ward.ask('GET', 'bristol.ward/status')).status, 200)
    const pid = cambridge.daemon.pid ?? assert.fail('it runs')
    const got = fetch(cambridge, id).then(
      (answer): NorthAnswer | undefined => answer,
      () => undefined,
    )
    await new Promise((sent) => setImmediate(sent))
    if (hadBy(cambridge, id)) process.kill(pid, 'SIGKILL')
    const body = await got
    await cambridge.daemon.kill()
    await cambridge.daemon.start()
    const again = await fetch(cambridge, id)
    assert.equal(again.status, 400, 'it counts as had')
    assert.deepEqual(await storyOf(cambridge, id), ['key.activated', 'key.delivered'])
    if (body?.status === 200) assert.equal(keysIn(body)[0].key, key)
    else {
      assert.equal(body, undefined)
      t.diagnostic(`the kill came first at try ${tries}`)
      return true
    }
  }
  return false
}

/** Looks into the database of a site, as fast as it can, until it says that a key was had. */
function hadBy(site: TestSite, id: string): boolean {
  using database = new DatabaseSync(join(site.folder, 'state.db'), { readOnly: true })
  const look = database.prepare('SELECT state FROM keystore_key WHERE key_id = ?')
  const until = performance.now() + 2000
  while (performance.now() < until) if (look.get(id)?.['state'] !== 'activated') return true
  return false
}

const fetch = ({ ward }: TestSite, id: string): Promise<NorthAnswer> =>
  ward.ask('GET', `bristol.ward/dec_keys?key_ID=${id}`)

const isActivation = (channel: string, octets: Uint8Array): boolean =>
  channel === 'peer' && questionIn(octets).method === ACTIVATE

/** The next activation, which does not arrive, nor does any after it. */
function heldQuestion(between: Interceptor): Promise<Uint8Array> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array>()
  between.meddling = (channel, octets) => {
    if (!isActivation(channel, octets)) return [octets]
    resolve(octets.slice())
    return []
  }
  return promise
}

/** The next activation, which arrives. */
function seenQuestion(between: Interceptor): Promise<Uint8Array> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array>()
  between.meddling = (channel, octets) => {
    if (isActivation(channel, octets)) resolve(octets.slice())
    return [octets]
  }
  return promise
}

/** The answer to the next activation, which does not arrive. */
function heldAnswer(between: Interceptor): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const meddling = between.meddling
  let awaited: number | undefined
  between.meddling = (channel, octets) => {
    if (isActivation(channel, octets)) awaited ??= questionIn(octets).id
    return meddling(channel, octets)
  }
  between.answering = (channel, octets) => {
    if (channel !== 'peer' || awaited === undefined || questionIn(octets).id !== awaited)
      return [octets]
    resolve()
    return []
  }
  return promise
}

const activationsIn = (payload: Uint8Array) =>
  (fromCbor(payload, MESSAGE_MAX) as { messages: Uint8Array[] }).messages.map(readActivation)

const idsIn = (question: Uint8Array): readonly string[] =>
  activationsIn(questionIn(question).payload).flatMap(({ keyIds }) => keyIds)

function kindsOfAnswer({ payload }: Readonly<Record<string, unknown>>): readonly string[] {
  const { answers } = fromCbor(payload as Uint8Array, MESSAGE_MAX) as {
    answers: { kind: string }[]
  }
  return answers.map(({ kind }) => kind)
}

/** Waits until the other site has confirmed that a key is withdrawn. */
async function settled(site: TestSite, id: string): Promise<void> {
  await until(`${id} is withdrawn at both ends`, async () => {
    const entries = await entriesOf(site)
    const voided = entries.find(({ kind, facts }) => kind === 'key.voided' && names(facts, id))
    return entries.some(({ kind, index }) => {
      return kind === 'key.withdrawal-settled' && index > (voided?.index ?? Infinity)
    })
  })
}

/** What the log of a site tells of each key, in order. */
async function storiesOf(site: TestSite): Promise<ReadonlyMap<string, readonly string[]>> {
  const stories = new Map<string, string[]>()
  for (const { kind, facts } of await entriesOf(site)) {
    if (!kind.startsWith('key.') || !Array.isArray(facts['keyIds'])) continue
    for (const id of facts['keyIds'] as string[]) {
      stories.set(id, [...(stories.get(id) ?? []), kind])
    }
  }
  return stories
}

const storyOf = async (site: TestSite, id: string): Promise<readonly string[]> =>
  (await storiesOf(site)).get(id) ?? []

const names = (facts: Readonly<Record<string, unknown>>, id: string): boolean =>
  Array.isArray(facts['keyIds']) && facts['keyIds'].includes(id)
