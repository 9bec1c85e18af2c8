import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fibreRoutes, type AttackView, type FibreView } from '#contract'
import { MemoryLog } from '#world/ports'
import { openAdmin } from './admin.ts'
import { labHandlers } from './console-lab.ts'
import { GatewayRefusal } from './refusal.ts'
import { testedRandom } from './random.ts'
import { scratch } from './scratch.test.ts'

const DIM = 'Expected more light, got 0 μW'
const QUIET: AttackView = { kind: 'none', fraction: 0 }

/** A fibre that answers in a folder of its own. */
async function fibreIn(t: TestContext, folder: string, link: string): Promise<void> {
  mkdirSync(folder, { mode: 0o700 })
  let attack = QUIET
  const view = (): FibreView => ({
    ...{ link, preset: 'world-slow', clockHz: 1e7, lengthKm: 10, lossDb: 2, attack, since: 0 },
    ...{ eve: { siftedBits: 0, knownBits: 0 }, pulsesPerSecond: 0, batches: 0 },
    ...{ batchesDropped: 0, connected: [] },
  })
  const listener = await openAdmin({
    path: join(folder, 'admin.sock'),
    table: fibreRoutes,
    log: new MemoryLog(),
    handlers: {
      fibre: () => Promise.resolve(view()),
      attack: (_query, next) => {
        if (next.kind === 'blinding') return Promise.reject(new GatewayRefusal('NAME_INVALID', DIM))
        attack = next
        return Promise.resolve(view())
      },
      stop: () => Promise.reject(new Error('not asked here')),
    },
  })
  t.after(() => listener[Symbol.asyncDispose]())
}

const random = testedRandom()
const gone = new AbortController().signal

test('the lab knows the fibres that answer, by their links, and attacks the one that is named', async (t) => {
  const base = scratch(t)
  await fibreIn(t, join(base, 'one'), 'bristol-cambridge')
  await fibreIn(t, join(base, 'two'), 'cambridge-ipswich')
  const lab = labHandlers(base, ['one', join(base, 'two'), 'nowhere'], random)
  const links = async () =>
    (await lab.fibres({}, null, gone)).map(({ link, attack }) => [link, attack.kind])
  assert.deepEqual(await links(), [
    ['bristol-cambridge', 'none'],
    ['cambridge-ipswich', 'none'],
  ])
  const attack: AttackView = { kind: 'intercept-resend', fraction: 0.3 }
  const after = await lab.attackFibre({ link: 'cambridge-ipswich' }, attack, gone)
  assert.deepEqual(after.attack, attack)
  assert.deepEqual(await links(), [
    ['bristol-cambridge', 'none'],
    ['cambridge-ipswich', 'intercept-resend'],
  ])
  await assert.rejects(lab.attackFibre({ link: 'a-b' }, attack, gone), { code: 'FIBRE_UNKNOWN' })
})

test('what a fibre refuses is told in its own words, and is no fibre that is not there', async (t) => {
  const base = scratch(t)
  await fibreIn(t, join(base, 'one'), 'bristol-cambridge')
  const lab = labHandlers(base, ['one'], random)
  const dim: AttackView = { kind: 'blinding', fraction: 1, powerUw: 0 }
  const attacking = lab.attackFibre({ link: 'bristol-cambridge' }, dim, gone)
  await assert.rejects(attacking, { code: 'FIBRE_REFUSED', message: DIM })
})

test('a lab without fibres has none', async () => {
  assert.deepEqual(await labHandlers('/', [], random).fibres({}, null, gone), [])
})

test('a fibre is told by the figures of its preset, with the clock that it runs at', async (t) => {
  const base = scratch(t)
  await fibreIn(t, join(base, 'one'), 'bristol-cambridge')
  const lab = labHandlers(base, ['one'], random)
  const figures = await lab.fibreFigures({ link: 'bristol-cambridge' }, null, gone)
  const valueAt = (path: string) => figures.find((one) => one.path === path)?.value
  assert.equal(valueAt('settings.clockHz'), 1e7)
  assert(Number(valueAt('receiver.detector.efficiency')) > 0)
  assert(figures.every(({ source }) => source !== ''))
  await assert.rejects(lab.fibreFigures({ link: 'a-b' }, null, gone), { code: 'FIBRE_UNKNOWN' })
})

test('links are compared where there is a lab, and nowhere else', async (t) => {
  const base = scratch(t)
  const wish = { lengthKm: 50, fraction: 1, stealth: 1 }
  const lab = labHandlers(base, ['one'], random)
  const { withDecoys, withoutDecoys } = await lab.compareDecoys({}, wish, gone)
  assert.deepEqual([withDecoys.decoysAlarm, withoutDecoys.decoysAlarm], [true, false])
  const closed = labHandlers(base, [], random).compareDecoys({}, wish, gone)
  await assert.rejects(closed, { code: 'FIBRE_UNKNOWN' })
})
