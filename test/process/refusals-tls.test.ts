/**
 * Who may not come in, over real sockets: certificates that are missing, foreign, expired, revoked
 * or of somebody else, and TLS that is too old or not hybrid. Nothing changes, and everybody else
 * is served.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { DAY_MS, epochMs, type Clock } from '#base'
import { createAuthority, initSite, issue, issueSae, openDisk, testedRandom } from '#gateway'
import { enrolDevice, enrolSae, readDeviceCredentials } from '#site'
import { peerCredentials } from '../support/credentials.ts'
import { knock } from '../support/handshake.ts'
import { credentialsAt, Sae, type SaeCredentials } from '../support/north.ts'
import { photonward } from '../support/processes.ts'
import { cohort } from '../support/records.ts'
import { changesNothing } from '../support/standing.ts'
import { startTwoSites, type TestSite, type TwoSites } from '../support/two-sites.ts'
import { until } from '../support/until.ts'

const random = testedRandom()
/** Three years ago: what was issued then is over. */
const past: Clock = {
  now: () => epochMs(Date.now() - 3 * 365 * DAY_MS),
  monotonicMs: () => 0,
  after: () => () => undefined,
}

test('whoever may not come in is shown out, and nothing changes', async (t) => {
  const sites = await startTwoSites(t)
  const { bristol, cambridge, authority, folder } = sites
  const both = [bristol, cambridge]
  const at = (name: string): string => join(folder, name)
  const [organisations, bundle] = cohort(5, 1)
  await bristol.import(organisations)
  const { patients } = await bristol.import(bundle)
  await createAuthority(at('foreign'))
  const own = await peerCredentials(bristol, 'bristol')
  const theirs = await peerCredentials(cambridge, 'cambridge')
  const { ca } = own

  await t.test('keys: certificates that are missing, foreign or expired', () =>
    changesNothing(both, async () => {
      await issueSae(at('foreign'), 'bristol.ward', at('foreign-ward'))
      const alien = credentialsAt(at('foreign-ward'))
      const good = credentialsAt(at('bristol.ward'))
      const disk = openDisk(authority)
      const old = await enrolSae(disk, { sae: 'bristol.ward', clock: past, random })
      for (const [name, credentials, reason] of [
        ['none', { ca: good.ca } as SaeCredentials, /PEER_DID_NOT_RETURN_A_CERTIFICATE/],
        ['foreign', { ...alien, ca: good.ca }, /UNABLE_TO|SELF_SIGNED|ISSUER/],
        ['expired', { ...old.credentials, ca: good.ca }, /EXPIRED/],
      ] as const) {
        using sae = new Sae(name, bristol.northPort, credentials)
        await assert.rejects(sae.ask('GET', 'cambridge.ward/status'), name)
        await until(`${name} is in the log`, () =>
          reasonsOf(bristol, 'tls-refused').some((one) => reason.test(one)),
        )
      }
    }),
  )

  await t.test('keys: an application that nobody has registered gets 401', () =>
    changesNothing(both, async () => {
      await issueSae(authority, 'stranger.ward', at('stranger'))
      using stranger = new Sae('stranger.ward', bristol.northPort, credentialsAt(at('stranger')))
      for (const path of ['cambridge.ward/status', 'cambridge.ward/enc_keys', 'x/dec_keys']) {
        const answer = await stranger.ask('GET', path)
        assert.equal(answer.status, 401, answer.body)
        assert.equal(typeof (JSON.parse(answer.body) as { message: unknown }).message, 'string')
      }
    }),
  )

  await t.test('keys: TLS 1.2 is not spoken', async () => {
    const options = { ...credentialsAt(at('bristol.ward')), maxVersion: 'TLSv1.2' } as const
    const socket = connect({ host: '127.0.0.1', port: bristol.northPort, ...options })
    const error = await new Promise<{ code?: string }>((failed) => {
      socket.once('error', failed)
      socket.once('secureConnect', () => failed({}))
    })
    assert.equal(error.code, 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION')
  })

  await t.test('between sites: the very certificate of a peer is let in', async () => {
    const outcome = await knock(cambridge.peerPort, own)
    assert(
      outcome.kind === 'answered' && outcome.answer['kind'] === 'accept',
      JSON.stringify(outcome),
    )
  })

  await t.test('between sites: no classical key exchange, no TLS 1.2', () =>
    changesNothing(both, async () => {
      for (const options of [
        { ecdhCurve: 'X25519' },
        { ecdhCurve: 'P-256:P-384:X25519' },
        { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' },
      ] as const) {
        const outcome = await knock(cambridge.peerPort, { ...own, ...options })
        assert(outcome.kind === 'ended', JSON.stringify(options))
        assert.match(outcome.how, /^ERR_SSL_.*(HANDSHAKE_FAILURE|PROTOCOL_VERSION)$/)
      }
    }),
  )

  await t.test(
    'between sites: certificates that are missing, foreign, expired or a stranger’s',
    () =>
      changesNothing(both, async () => {
        const device = openDisk(at('fibre'))
        const now = await device.read('device.cbor')
        await enrolDevice(openDisk(authority), device, { device: 'fibre-x', clock: past, random })
        const { key, cert } = await readDeviceCredentials(device)
        await device.write('device.cbor', now ?? new Uint8Array(0))
        const foreign = await newSite(sites, { name: 'bristol', under: at('foreign') })
        const stranger = await newSite(sites, { name: 'exeter', under: authority })
        for (const [credentials, reason] of [
          [{ ca }, /PEER_DID_NOT_RETURN_A_CERTIFICATE/],
          [{ ...foreign, ca }, /UNABLE_TO|SELF_SIGNED|ISSUER/],
          [{ key, cert, ca }, /EXPIRED/],
          [{ ...stranger, ca }, /^peer-unknown$/],
        ] as const) {
          const outcome = await knock(cambridge.peerPort, credentials)
          const isIn = outcome.kind === 'answered' && outcome.answer['kind'] === 'accept'
          assert(!isIn, String(reason))
          await until(`${String(reason)} is in the log`, () =>
            reasonsOf(cambridge, 'connection-refused').some((one) => reason.test(one)),
          )
        }
      }),
  )

  await t.test(
    'an application whose certificate is revoked is shut out, others are not',
    async () => {
      await issueSae(authority, 'bristol.ward', at('again'))
      using again = new Sae('bristol.ward', bristol.northPort, credentialsAt(at('again')))
      assert.equal((await again.ask('GET', 'cambridge.ward/status')).status, 200)
      again[Symbol.dispose]()
      await revoke(
        sites,
        ({ profile, name }) => profile === 'sae' && name.includes('bristol.ward'),
        1,
      )
      await until('the revoked certificate is refused', () =>
        again.ask('GET', 'cambridge.ward/status').then(
          () => again[Symbol.dispose](),
          () => true,
        ),
      )
      assert.equal((await cambridge.ward.ask('GET', 'bristol.ward/status')).status, 200)
    },
  )

  await t.test(
    'a site whose certificate is revoked is shut out, and what was there stays',
    async () => {
      await revoke(sites, ({ profile, name }) => profile === 'site' && name.includes('cambridge'))
      await until('bristol has no link with it any more', async () => {
        const { peers, links } = await bristol.status()
        return !peers[0].connected && links[0].state !== 'running'
      })
      await changesNothing(both, async () => {
        const outcome = await knock(bristol.peerPort, theirs)
        assert.equal(outcome.kind, 'ended')
      })
      const { transfer } = await bristol.admin.call(
        'send',
        {},
        { patient: patients[0], to: 'cambridge' },
      )
      const waiting = await bristol.admin.call('transfer', { transfer }, null)
      assert.equal(waiting.state, 'waiting')
      assert((await bristol.read(patients[0])).length > 0, 'bristol serves on')
    },
  )
})

/** A site of some name, enrolled with some authority. */
async function newSite({ folder }: TwoSites, { name, under }: { name: string; under: string }) {
  const place = join(folder, `another-${name}`)
  const ports = { peerPort: 1, northPort: 2 }
  await initSite(place, { name, ...ports, profile: 'demo', passphrase: undefined })
  await issue(under, place)
  return peerCredentials({ folder: place }, name)
}

interface Issued {
  readonly serial: string
  readonly profile: string
  readonly name: string
}

/** Revokes what was issued, the newest first and at most so many, as an operator does. */
async function revoke(
  { authority, bristol, cambridge }: TwoSites,
  which: (one: Issued) => boolean,
  most = 100,
): Promise<void> {
  const listed = await photonward(['--json', 'pki', 'list', authority])
  const serials = (JSON.parse(listed.stdout) as readonly Issued[]).filter(which).toReversed()
  assert(serials.length > 0, listed.stdout)
  for (const { serial } of serials.slice(0, most)) {
    const { status, stderr } = await photonward(['--yes', 'pki', 'revoke', authority, serial])
    assert.equal(status, 0, stderr)
  }
  const folders = [bristol.folder, cambridge.folder]
  const { status, stderr } = await photonward(['pki', 'publish', authority, ...folders])
  assert.equal(status, 0, stderr)
}

/** Why a site has refused connections, by its log. */
function reasonsOf({ folder }: TestSite, event: string): readonly string[] {
  const lines = readFileSync(join(folder, 'log', 'daemon.log'), 'utf8')
    .trim()
    .split('\n')
  const said = lines.map((line) => JSON.parse(line) as { event: string; facts: { reason: string } })
  return said.filter((one) => one.event === event).map(({ facts }) => facts.reason)
}
