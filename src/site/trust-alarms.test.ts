import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DAY_MS, HOUR_MS, kmeId, siteId } from '#base'
import { AuditLog, auditMigrations } from '#audit'
import { signingKeyPairOf } from '#crypto'
import { MemoryDisk, MemoryLog, MemoryStore, seededRandom, SimulatedTime } from '#world/ports'
import { alarmMigrations, Alarms } from './alarms.ts'
import {
  enrolSite,
  introduce,
  issuedBy,
  makeAuthority,
  makeSite,
  publishLists,
  renewRequest,
  revokeSerial,
} from './enrolment.ts'
import { TrustAlarms } from './trust-alarms.ts'

const bristol = siteId('bristol')

const namesOf = (site: string) => ({
  federation: 'photonward',
  site: siteId(site),
  kme: kmeId(`kme.${site}`),
  origin: `photonward.example/${site}`,
  dns: [],
  north: { dns: [], ip: [] },
})

async function site() {
  const time = new SimulatedTime()
  const means = { clock: time.view(), random: seededRandom(3, 'trust alarms') }
  const { clock, random } = means
  const authority = new MemoryDisk()
  const disks = { bristol: new MemoryDisk(), cambridge: new MemoryDisk() }
  await makeAuthority(authority, 'photonward', means)
  for (const name of ['bristol', 'cambridge'] as const) {
    await makeSite(disks[name], namesOf(name), { ...means, passphrase: undefined })
    await enrolSite(authority, disks[name], means)
  }
  await introduce(disks.cambridge, disks.bristol, clock)
  const store = new MemoryStore([...auditMigrations, ...alarmMigrations])
  const keys = seededRandom(4, 'log')
  const signer = {
    name: 'photonward.example/bristol',
    ed25519: signingKeyPairOf('ed25519', keys.octets(32)),
    mlDsa44: signingKeyPairOf('ml-dsa-44', keys.octets(32)),
  }
  const audit = await AuditLog.open({ site: bristol, store, clock, signer })
  const log = new MemoryLog()
  const alarms = await Alarms.open({ site: bristol, store, clock, random, audit, log })
  const trust = new TrustAlarms({
    ...{ disk: disks.bristol, clock, log, alarms },
    ...{ site: 'bristol', kme: 'kme.bristol' },
  })
  const standing = (): string[] =>
    alarms.standing.map(({ kind, subject }) => `${kind} ${subject}`).toSorted()
  return { time, means, authority, disks, alarms, trust, standing, log }
}

const LISTS = ['revocation list between sites', 'revocation list northbound']
const lists = (kind: string): string[] => LISTS.map((subject) => `${kind} ${subject}`)

test('lists that are not renewed warn from the fourth day, and alarm once they are over', async () => {
  const { time, means, authority, disks, trust, standing, alarms } = await site()
  const later = async (ms: number): Promise<void> => {
    await time.advance(ms)
    await trust.look()
  }
  await later(2 * DAY_MS)
  assert.deepEqual(standing(), [])
  await later(1.5 * DAY_MS)
  assert.deepEqual(standing(), lists('trust.ending'))
  assert.match(alarms.standing[0].message, /ends in 3 days; publish fresh revocation lists/)
  await publishLists(authority, [disks.bristol], means)
  await later(HOUR_MS)
  assert.deepEqual(standing(), [])
  await later(8 * DAY_MS)
  const over = standing()
  for (const one of lists('trust.ended')) assert(over.includes(one), one)
  assert(over.includes('trust.refused statement of cambridge'))
})

test('the trust is looked at hourly until it is stopped', async () => {
  const { time, trust, standing } = await site()
  await time.advance(3 * DAY_MS - HOUR_MS / 2)
  trust.start()
  await time.advance(HOUR_MS / 4)
  assert.deepEqual(standing(), [])
  await time.advance(HOUR_MS)
  assert.deepEqual(standing(), lists('trust.ending'))
  trust.stop()
})

test('certificates and statements warn in time, each with what to do', async () => {
  const { time, means, authority, disks, trust, standing, alarms } = await site()
  await time.advance(21 * DAY_MS)
  await publishLists(authority, [disks.bristol], means)
  await trust.look()
  assert.deepEqual(standing(), [
    'trust.ending certificate between sites',
    'trust.ending statement of cambridge',
  ])
  const messages = alarms.standing.map(({ message }) => message).toSorted()
  assert.match(messages[0], /ends in 9 days; request and issue its certificates anew/)
  assert.match(messages[1], /have that site renew, and join the sites again/)
  const { clock } = means
  await renewRequest(disks.bristol, namesOf('bristol'), { clock, passphrase: undefined })
  await enrolSite(authority, disks.bristol, means)
  await trust.look()
  assert.deepEqual(standing(), ['trust.ending statement of cambridge'])
})

test("a site's own revocation and a peer's are alarms", async () => {
  const { means, authority, disks, trust, standing } = await site()
  for (const { serial, name, profile } of await issuedBy(authority)) {
    const own = name === 'photonward:site:bristol' && profile === 'site'
    const peer = name === 'photonward:site:cambridge' && profile === 'statement'
    if (own || peer) await revokeSerial(authority, serial, means)
  }
  await publishLists(authority, [disks.bristol], means)
  await trust.look()
  assert.deepEqual(standing(), [
    'trust.refused certificate between sites',
    'trust.refused own statement',
    'trust.refused statement of cambridge',
  ])
})

test('a folder that cannot be read is a line in the log, and no alarm', async () => {
  const { disks, trust, standing, log } = await site()
  disks.bristol.files.delete('grant.cbor')
  await trust.look()
  assert.deepEqual(standing(), [])
  assert(log.lines.some(({ event }) => event === 'trust.not-inspected'))
})
