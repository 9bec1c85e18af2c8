import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { linkId } from '#base'
import { KeystoreRefusal, type Keystore } from '#keystore'
import type { AuthenticationSource } from '#qkd'
import { boundAfter, clearSources, padMarks, PADS_AHEAD, takeSources } from './link-pads.ts'

const link = linkId('bristol-cambridge')
const PADS = 64
/** Pads that an engine marks as used at a time. */
const RUN = 32

interface Cursors {
  readonly send: number
  readonly receive: number
}

/** One end's durable cursors, as its key store keeps them. */
class End {
  cursors = new Map<string, Cursors>()
  readonly copies: ReadonlyMap<string, Cursors>[] = []

  /** Only those with pads left both ways, as they are read at an opening. */
  sources(): AuthenticationSource[] {
    return [...this.cursors].flatMap(([id, { send, receive }]) => {
      if (send >= PADS || receive >= PADS) return []
      const run = (next: number) => ({
        hashKey: new Uint8Array(16).fill(1),
        pads: new Uint8Array(16 * PADS).fill(1),
        next,
      })
      return [{ id, send: run(send), receive: run(receive) }]
    })
  }

  readonly burnPads: Keystore['burnPads'] = ({ source, direction, from, to }) => {
    const held = this.cursors.get(source)
    const isLeft = held !== undefined && held[direction] < PADS
    if (!isLeft) {
      const code = 'KEYSTORE_SOURCE_UNKNOWN'
      return Promise.reject(new KeystoreRefusal(code, 'No such authentication source is left'))
    }
    assert(direction === 'send' ? from === held.send : from >= held.receive)
    assert(to > from && to <= PADS)
    this.cursors.set(source, { ...held, [direction]: to })
    return Promise.resolve()
  }
}

/** Both ends agree on sources, as in an opening: the first asks, the second answers. */
async function open(asks: End, answers: End) {
  const own = asks.sources()
  const question = padMarks(own)
  const others = answers.sources()
  const marks = padMarks(others)
  const theirs = await takeSources(answers, link, others, question)
  const answer = marks.filter(({ id }) => theirs.some((source) => source.id === id))
  return { ours: await takeSources(asks, link, own, answer), theirs }
}

/** Sends tags, newest source first; all are used, and the last few of them are never seen. */
async function speak(
  [from, to]: readonly [End, End],
  sources: readonly AuthenticationSource[],
  tags: { readonly seen: number; readonly unseen: number; readonly use: (pad: string) => void },
): Promise<void> {
  let left = tags.seen + tags.unseen
  for (const { id, send } of sources.toReversed()) {
    for (let pad = send.next; pad < PADS && left > 0; pad++) {
      const burned = from.cursors.get(id)?.send ?? PADS
      if (pad >= burned) {
        const end = Math.min(PADS, burned + RUN)
        await from.burnPads({ link, source: id, direction: 'send', from: burned, to: end })
      }
      tags.use(`${id} ${pad}`)
      left--
      const bound = Math.min(PADS, boundAfter(pad))
      const heard = Math.max(to.cursors.get(id)?.receive ?? PADS, PADS_AHEAD)
      if (left < tags.unseen || heard >= bound) continue
      await to.burnPads({ link, source: id, direction: 'receive', from: heard, to: bound })
    }
  }
}

const sessions = fc.array(
  fc.record({
    blocks: fc.integer({ min: 0, max: 3 }),
    seen: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 50 })),
    unseen: fc.integer({ min: 0, max: 18 }),
    /** To which of the copies made so far, counted from the newest, one end is put back. */
    back: fc.option(fc.nat(6)),
  }),
  { maxLength: 14 },
)

test('no pad is used twice, whatever is lost and however often one end is rolled back', async () => {
  const play = async (history: typeof sessions extends fc.Arbitrary<infer T> ? T : never) => {
    for (const victim of [0, 1] as const) {
      const ends = [new End(), new End()] as const
      const used = [new Set<string>(), new Set<string>()] as const
      let made = 0
      for (const { blocks, seen, unseen, back } of history) {
        for (const end of ends) end.copies.push(new Map(end.cursors))
        const copy = back === null ? undefined : ends[victim].copies.at(-1 - back)
        if (copy !== undefined) {
          // Later blocks are not in the copy; the ends void them when they compare what they hold.
          ends[victim].cursors = new Map(copy)
          for (const id of ends[1 - victim].cursors.keys()) {
            if (!copy.has(id)) ends[1 - victim].cursors.delete(id)
          }
        }
        const { ours, theirs } = await open(...ends)
        assert.deepEqual(
          ours.map(({ id, send, receive }) => [id, send.next, receive.next]),
          theirs.map(({ id, send, receive }) => [id, receive.next, send.next]),
        )
        const grown = Array.from({ length: blocks }, () => {
          const id = `1/${made++}`
          for (const end of ends) end.cursors.set(id, { send: 0, receive: 0 })
          return end(id)
        })
        for (const side of [0, 1] as const) {
          const begun = new Set<string>()
          await speak([ends[side], ends[1 - side]], [...(side === 0 ? ours : theirs), ...grown], {
            seen,
            unseen,
            use: (pad) => {
              assert(!used[side].has(pad), `pad ${pad} is used twice`)
              begun.add(pad)
            },
          })
          for (const pad of begun) used[side].add(pad)
        }
      }
    }
  }
  const end = (id: string): AuthenticationSource => {
    const run = () => ({ hashKey: new Uint8Array(16), pads: new Uint8Array(16 * PADS), next: 0 })
    return { id, send: run(), receive: run() }
  }
  await fc.assert(fc.asyncProperty(sessions, play), { numRuns: 400, seed: 5 })
})

test('a session takes the newest sources, and leaves the others to later ones', async () => {
  const [a, b] = [new End(), new End()]
  for (const id of ['1/0', '1/1', '1/2', '1/3']) {
    for (const end of [a, b]) end.cursors.set(id, { send: 0, receive: 0 })
  }
  const own = a.sources()
  const { ours } = await open(a, b)
  assert.deepEqual(
    ours.map(({ id, send }) => [id, send.next]),
    [['1/3', PADS_AHEAD]],
  )
  assert.deepEqual(a.cursors.get('1/2'), { send: 0, receive: 0 })
  let openings = 1
  while ((await open(a, b)).ours.length > 0) openings++
  assert(openings >= 6, `${openings} sessions in a row begin without a bootstrap`)
  clearSources(own)
  assert(own.every(({ send }) => send.hashKey.every((octet) => octet === 0)))
})

test('what one end does not know, or has used up, opens no session', async () => {
  const [a, b] = [new End(), new End()]
  a.cursors.set('1/0', { send: 0, receive: 0 })
  b.cursors.set('1/1', { send: 0, receive: 0 })
  assert.deepEqual(await open(a, b), { ours: [], theirs: [] })
  b.cursors.set('1/0', { send: 0, receive: PADS - 1 })
  a.cursors.set('1/1', { send: PADS - 1, receive: 0 })
  const { ours, theirs } = await open(a, b)
  assert.deepEqual([ours.length, theirs.length], [2, 2])
  const again = await open(a, b)
  assert.deepEqual(again, { ours: [], theirs: [] })
})
