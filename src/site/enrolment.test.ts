import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DAY_MS, HOUR_MS, kmeId, siteId, textOf, utf8 } from '#base'
import { readGrant } from '#pki'
import { MemoryDisk, seededRandom, SimulatedTime } from '#world/ports'
import { readActs } from './authority-log.ts'
import {
  enrolDevice,
  enrolSae,
  enrolSite,
  introduce,
  issuedBy,
  makeAuthority,
  makeSite,
  publishLists,
  renewRequest,
  requestIn,
  revokeSerial,
} from './enrolment.ts'
import { chainCheckOf, credentialsIn, readDeviceCredentials, readMaterial } from './material.ts'
import { readRootKey } from './root-key/root-key.ts'

const namesOf = (site: string) => ({
  federation: 'photonward',
  site: siteId(site),
  kme: kmeId(`kme.${site}`),
  origin: `photonward.example/${site}`,
  dns: [],
  north: { dns: [], ip: [] },
})

/** An authority, two sites that know each other, and a device, all made now. */
class Federation {
  readonly time = new SimulatedTime()
  readonly clock = this.time.view()
  readonly random = seededRandom(5, 'enrolment')
  readonly authority = new MemoryDisk()
  readonly bristol = new MemoryDisk()
  readonly cambridge = new MemoryDisk()
  readonly device = new MemoryDisk()

  static async make(): Promise<Federation> {
    const made = new Federation()
    const { authority, bristol, cambridge, device, clock, random } = made
    await makeAuthority(authority, 'photonward', made)
    for (const [name, disk] of [
      ['bristol', bristol],
      ['cambridge', cambridge],
    ] as const) {
      await makeSite(disk, namesOf(name), { clock, random, passphrase: undefined })
      await enrolSite(authority, disk, made)
    }
    await enrolDevice(authority, device, { device: 'fibre-1', clock, random })
    await made.introduceAll()
    return made
  }

  async introduceAll(): Promise<void> {
    await introduce(this.cambridge, this.bristol, this.clock)
    await introduce(this.bristol, this.cambridge, this.clock)
  }

  /** What a start of Bristol's daemon reads; peers that it leaves out are counted. */
  async start() {
    using root = await readRootKey(this.bristol, undefined)
    const refused: string[] = []
    const report = (_peer: string, reason: string): void => void refused.push(reason)
    const about = { site: 'bristol', kme: 'kme.bristol', root }
    const material = await readMaterial(this.bristol, about, { clock: this.clock, report })
    return { material, refused }
  }

  async publish(): Promise<void> {
    await publishLists(this.authority, [this.bristol, this.cambridge, this.device], this)
  }
}

test('a site starts after its first week if, and only if, lists were published in time', async () => {
  const federation = await Federation.make()
  assert.deepEqual((await federation.start()).refused, [])
  await federation.time.advance(6 * DAY_MS)
  const before = await readDeviceCredentials(federation.device)
  await federation.publish()
  await federation.time.advance(2 * DAY_MS)
  const { material, refused } = await federation.start()
  assert.deepEqual(refused, [])
  assert.equal(material.peers.length, 1)
  const { peer, north } = credentialsIn(material)
  const { crl } = await readDeviceCredentials(federation.device)
  assert.notEqual(crl, before.crl)
  assert.equal(peer.crl, crl)
  assert.notEqual(north.crl, crl)
  await federation.time.advance(6 * DAY_MS)
  await assert.rejects(federation.start(), { code: 'GRANT_INVALID' })
  // And it is never too late to publish.
  await federation.publish()
  assert.deepEqual((await federation.start()).refused, [])
})

test('a peer is met after the first week once the published lists are brought into force', async () => {
  const federation = await Federation.make()
  const { cambridge, clock } = federation
  const chain = readGrant(cambridge.files.get('grant.cbor') ?? assert.fail()).sites.chain
  const { material: first } = await federation.start()
  const check = (material: typeof first) => chainCheckOf(material, clock)(chain, 'server')
  assert.equal(check(first), undefined)
  await federation.time.advance(6 * DAY_MS)
  await federation.publish()
  await federation.time.advance(2 * DAY_MS)
  // What a running daemon reads when it finds the new lists.
  const { material: reloaded } = await federation.start()
  assert.equal(check(reloaded), undefined)
  assert.equal(check(first), 'crl-expired')
})

test('lists of another authority, or older ones, are not published', async () => {
  const federation = await Federation.make()
  const stranger = await Federation.make()
  await federation.time.advance(DAY_MS)
  const ago = new MemoryDisk()
  for (const [path, octets] of federation.authority.files) ago.files.set(path, octets)
  await federation.publish()
  const held = federation.bristol.files.get('revocation.cbor')
  await assert.rejects(publishLists(stranger.authority, [federation.bristol], federation), {
    code: 'GRANT_INVALID',
  })
  const { random } = federation
  const yesterday = { random, clock: stranger.clock }
  await assert.rejects(publishLists(ago, [federation.bristol], yesterday), {
    code: 'GRANT_INVALID',
  })
  assert.deepEqual(federation.bristol.files.get('revocation.cbor'), held)
})

test('certificates are renewed under the same keys by a fresh request, not by the first', async () => {
  const federation = await Federation.make()
  const { authority, bristol, cambridge, clock } = federation
  const first = (await federation.start()).material
  await federation.time.advance(20 * DAY_MS)
  await assert.rejects(enrolSite(authority, bristol, federation), { code: 'ENROLMENT_INVALID' })
  for (const [name, disk] of [
    ['bristol', bristol],
    ['cambridge', cambridge],
  ] as const) {
    await renewRequest(disk, namesOf(name), { clock, passphrase: undefined })
    await enrolSite(authority, disk, federation)
  }
  await federation.introduceAll()
  await federation.time.advance(20 * DAY_MS)
  await federation.publish()
  const { material, refused } = await federation.start()
  assert.deepEqual(refused, [])
  assert.equal(credentialsIn(material).peer.key, credentialsIn(first).peer.key)
  assert.notDeepEqual(material.own.serial, first.own.serial)
})

test('a site that enrols long after the last lists were signed can start', async () => {
  const federation = await Federation.make()
  const { authority, bristol, device, clock, random } = federation
  await federation.time.advance(9 * DAY_MS)
  await makeAnew(federation)
  const { material } = await federation.start()
  await enrolDevice(authority, device, { device: 'fibre-1', clock, random })
  assert.notEqual((await readDeviceCredentials(device)).crl, '')
  assert.equal(material.own.site, 'bristol')
  assert(bristol.files.has('revocation.cbor'))
})

test('a name that stands for other keys is granted to nobody before those are revoked', async () => {
  const federation = await Federation.make()
  const { authority, bristol, clock, random } = federation
  const granted = bristol.files.get('grant.cbor')
  const impostor = new MemoryDisk()
  await makeSite(impostor, namesOf('bristol'), { clock, random, passphrase: undefined })
  const taken = { code: 'SITE_NAME_TAKEN' }
  await assert.rejects(enrolSite(authority, impostor, federation), taken)
  const kme = { ...namesOf('ipswich'), kme: kmeId('kme.bristol') }
  const listener = new MemoryDisk()
  await makeSite(listener, kme, { clock, random, passphrase: undefined })
  await assert.rejects(enrolSite(authority, listener, federation), taken)
  assert.deepEqual([...impostor.files.keys()].includes('grant.cbor'), false)
  assert.deepEqual(bristol.files.get('grant.cbor'), granted)
  // The site itself is granted as often as it asks.
  await enrolSite(authority, bristol, federation)
  await revokeAll(federation, ['photonward:site:bristol', 'photonward:kme:kme.bristol'])
  await enrolSite(authority, impostor, federation)
})

test('what is granted is what was compared', async () => {
  const federation = await Federation.make()
  const { authority, bristol, clock, random } = federation
  const { fingerprint } = await requestIn(bristol, clock)
  const other = { clock, random, fingerprint: 'ab'.repeat(32) }
  await assert.rejects(enrolSite(authority, bristol, other), { code: 'FINGERPRINT_DIFFERS' })
  const same = await enrolSite(authority, bristol, { clock, random, fingerprint })
  assert.equal(same.fingerprint, fingerprint)
})

test('no application is certified under the name of a daemon', async () => {
  const { authority, clock, random } = await Federation.make()
  for (const sae of ['photonward.bristol', 'photonward.x', 'PhotonWard.bristol']) {
    await assert.rejects(enrolSae(authority, { sae, clock, random }), { code: 'SAE_NAME_RESERVED' })
  }
  await enrolSae(authority, { sae: 'ward.photonward.bristol', clock, random })
})

test('an authority under a passphrase acts with it alone', async () => {
  const { clock, random } = await Federation.make()
  const authority = new MemoryDisk()
  const passphrase = utf8('a phrase of several words')
  await makeAuthority(authority, 'photonward', { clock, random, passphrase })
  const about = { sae: 'bristol.ward', clock, random }
  await assert.rejects(enrolSae(authority, about), { code: 'PASSPHRASE_NEEDED' })
  const wrong = { ...about, passphrase: utf8('another') }
  await assert.rejects(enrolSae(authority, wrong), { code: 'PASSPHRASE_DENIED' })
  await enrolSae(authority, { ...about, passphrase })
  await publishLists(authority, [], { clock, random, passphrase })
  assert.equal((await issuedBy(authority, passphrase)).length, 1)
})

async function revokeAll(federation: Federation, names: readonly string[]): Promise<void> {
  for (const { name, serial, revokedAt } of await issuedBy(federation.authority)) {
    if (!names.includes(name) || revokedAt !== undefined) continue
    await revokeSerial(federation.authority, serial, federation)
  }
}

async function makeAnew(federation: Federation): Promise<void> {
  const { authority, bristol, clock, random } = federation
  await revokeAll(federation, ['photonward:site:bristol', 'photonward:kme:kme.bristol'])
  bristol.files.clear()
  await makeSite(bristol, namesOf('bristol'), { clock, random, passphrase: undefined })
  await enrolSite(authority, bristol, { clock, random })
}

test('every act of an authority is noted with time, serial and name, and shows in its list', async () => {
  const federation = await Federation.make()
  const { authority } = federation
  await federation.time.advance(HOUR_MS)
  const { clock, random } = federation
  const { serial } = await enrolSae(authority, { sae: 'bristol.ward', clock, random })
  await revokeSerial(authority, serial, federation)
  const issued = await issuedBy(authority)
  const { acts, brokenAt } = await readActs(authority)
  assert.equal(brokenAt, undefined)
  assert.deepEqual(
    acts.map(({ kind }) => kind),
    ['pki.authority-created', ...Array<string>(issued.length).fill('pki.issued'), 'pki.revoked'],
  )
  const noted = acts.filter(({ kind }) => kind === 'pki.issued').map(({ facts }) => facts['serial'])
  assert.deepEqual(noted.toSorted(), issued.map((one) => one.serial).toSorted())
  const sae = issued.find((one) => one.serial === serial)
  assert.equal(sae?.name, 'photonward:sae:bristol.ward')
  assert.equal(sae.revokedAt, federation.clock.now())
  assert.equal(issued.filter(({ revokedAt }) => revokedAt !== undefined).length, 1)
})

test('an act that is changed, taken out or put in breaks the chain at its place', async () => {
  const { authority } = await Federation.make()
  const lines = textOf(authority.files.get('authority.log') ?? utf8('')).split('\n')
  const damages: readonly (readonly [readonly string[], number])[] = [
    [lines.toSpliced(2, 1), 3],
    [lines.toSpliced(1, 0, lines[1]), 3],
    [lines.with(1, lines[1].replace('site', 'kite')), 3],
    [lines.with(3, 'no act'), 4],
    [lines.slice(1), 1],
  ]
  for (const [damaged, place] of damages) {
    const disk = new MemoryDisk()
    disk.files.set('authority.log', utf8(damaged.join('\n')))
    assert.equal((await readActs(disk)).brokenAt, place)
  }
})
