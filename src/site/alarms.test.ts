/** Alarms are kept, and told page by page. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { siteId } from '#base'
import { AuditLog, auditMigrations } from '#audit'
import { signingKeyPairOf } from '#crypto'
import { MemoryLog, MemoryStore, seededRandom, SimulatedTime } from '#world/ports'
import { alarmMigrations, Alarms } from './alarms.ts'

const site = siteId('bristol')

async function open() {
  const time = new SimulatedTime()
  const [clock, random] = [time.view(), seededRandom(5, 'alarms')]
  const store = new MemoryStore([...auditMigrations, ...alarmMigrations])
  const keys = seededRandom(6, 'log')
  const signer = {
    name: 'photonward.example/bristol',
    ed25519: signingKeyPairOf('ed25519', keys.octets(32)),
    mlDsa44: signingKeyPairOf('ml-dsa-44', keys.octets(32)),
  }
  const audit = await AuditLog.open({ site, store, clock, signer })
  const alarms = await Alarms.open({ site, store, clock, random, audit, log: new MemoryLog() })
  const raise = async (subject: string): Promise<void> => {
    await time.advance(1)
    await alarms.raise({ kind: 'link.silent', severity: 'warning', subject, message: 'Silent' })
  }
  return { alarms, raise }
}

test('pages of alarms, newest first, have each alarm once, whatever is raised meanwhile', async () => {
  const { alarms, raise } = await open()
  const names = Array.from({ length: 25 }, (_, at) => `link-${String(at)}`)
  for (const name of names) await raise(name)
  const seen: string[] = []
  let before
  for (;;) {
    const page = await alarms.newest(10, before)
    before = page.at(-1)?.id
    if (before === undefined) break
    seen.push(...page.map(({ subject }) => subject))
    await raise(`later-${String(seen.length)}`)
  }
  assert.deepEqual(seen, names.toReversed())
  assert.equal((await alarms.newest(1))[0].subject, 'later-25')
})
