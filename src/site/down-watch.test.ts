import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linkId, PortRefusal, siteId, type Statement, type Store } from '#base'
import { AuditLog, auditMigrations } from '#audit'
import { signingKeyPairOf } from '#crypto'
import { MemoryLog, MemoryStore, seededRandom, SimulatedTime } from '#world/ports'
import { alarmMigrations, Alarms } from './alarms.ts'
import { DownWatch } from './down-watch.ts'

const site = siteId('bristol')
const signer = {
  name: 'photonward.example/bristol',
  ed25519: signingKeyPairOf('ed25519', new Uint8Array(32).fill(1)),
  mlDsa44: signingKeyPairOf('ml-dsa-44', new Uint8Array(32).fill(2)),
}
const linkTo = (peer: string) => ({
  link: linkId(`bristol-${peer}`),
  peer: siteId(peer),
  isAway: false,
})

async function watched(patienceMs = 30_000) {
  const time = new SimulatedTime()
  const memory = new MemoryStore([...auditMigrations, ...alarmMigrations])
  const disk = { isFull: false }
  const store: Store = {
    read: (statement) => memory.read(statement),
    commit: (statements: readonly Statement[]) =>
      disk.isFull
        ? Promise.reject(new PortRefusal('STORE_FULL', 'The disk is full'))
        : memory.commit(statements),
  }
  const [clock, log] = [time.view(), new MemoryLog()]
  const audit = await AuditLog.open({ site, store, clock, signer })
  const open = () =>
    Alarms.open({ site, store, clock, random: seededRandom(1, 'down'), audit, log })
  const alarms = await open()
  const links = [linkTo('cambridge'), linkTo('london')] as const
  const begin = (over: Alarms) => {
    const watch = new DownWatch({ links, alarms: over, clock, log, patienceMs })
    watch.start()
    return watch
  }
  const standing = (of = alarms) => of.standing.map(({ kind, subject }) => `${kind} ${subject}`)
  return { time, disk, alarms, open, links, begin, standing }
}

test('a link without its other end is an alarm when patience ends, and none a second before', async () => {
  const { time, links, begin, standing, alarms } = await watched()
  begin(alarms)
  links[0].isAway = true
  await time.advance(30_000)
  assert.deepEqual(standing(), [])
  await time.advance(1000)
  assert.deepEqual(standing(), ['link.down bristol-cambridge'])
  const [{ severity, message }] = alarms.standing
  assert.equal(severity, 'warning')
  assert.match(message, /link to cambridge .* 30 s/)
  await time.advance(3_600_000)
  assert.equal((await alarms.newest(10)).length, 1, 'an hour of it is one alarm')
  links[0].isAway = false
  await time.advance(1000)
  assert.deepEqual(standing(), [])
})

test('a link that comes back in time has all patience again', async () => {
  const { time, links, begin, standing, alarms } = await watched()
  begin(alarms)
  for (let turn = 0; turn < 10; turn++) {
    links[1].isAway = true
    await time.advance(29_000)
    links[1].isAway = false
    await time.advance(2000)
  }
  assert.deepEqual(standing(), [])
})

test('what an earlier run has raised is cleared when the link is back, or no longer there', async () => {
  const { time, links, begin, standing, alarms, open } = await watched()
  const about = { kind: 'link.down', severity: 'warning', message: 'away' } as const
  for (const subject of ['bristol-cambridge', 'bristol-london', 'bristol-oxford']) {
    await alarms.raise({ ...about, subject })
  }
  await alarms.raise({ ...about, kind: 'link.error-step', subject: 'bristol-oxford' })
  const later = await open()
  links[1].isAway = true
  begin(later)
  await time.advance(5000)
  assert.deepEqual(standing(later), ['link.down bristol-london', 'link.error-step bristol-oxford'])
})

test('an alarm that the store refuses is raised once it takes it', async () => {
  const { time, links, begin, standing, alarms, disk } = await watched(1000)
  begin(alarms)
  links[0].isAway = true
  disk.isFull = true
  await time.advance(5000)
  assert.deepEqual(standing(), [])
  disk.isFull = false
  await time.advance(1000)
  assert.deepEqual(standing(), ['link.down bristol-cambridge'])
})

test('a watch that was stopped looks no more', async () => {
  const { time, links, begin, standing, alarms } = await watched()
  begin(alarms).stop()
  links[0].isAway = true
  await time.advance(120_000)
  assert.deepEqual(standing(), [])
})
