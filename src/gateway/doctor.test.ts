import assert from 'node:assert/strict'
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { DAY_MS, utf8 } from '#base'
import type { CheckView } from '#contract'
import { examine } from './doctor.ts'
import { scratch } from './scratch.test.ts'
import { createAuthority, initSite, issue, joinSites, publish } from './setup.ts'

/** An authority and two sites that know each other; nothing runs. */
async function folders(t: TestContext, passphrase?: Uint8Array) {
  const root = scratch(t)
  const [authority, bristol, cambridge] = ['authority', 'bristol', 'cambridge'].map((name) =>
    join(root, name),
  )
  await createAuthority(authority)
  for (const [name, place] of [
    ['bristol', bristol],
    ['cambridge', cambridge],
  ] as const) {
    // Nobody listens on port 1: peers cannot be reached.
    const ports = { peerPort: 1, northPort: 2 }
    await initSite(place, { name, ...ports, profile: 'demo', passphrase })
    await issue(authority, place)
  }
  await joinSites(bristol, cambridge, undefined)
  for (const place of [bristol, cambridge]) {
    change(place, (own) => {
      // Ports that are free whatever runs on this machine.
      for (const listener of ['peerListener', 'northListener']) own[listener] = FREE
    })
  }
  return { authority, bristol, cambridge }
}

const FREE = { host: '127.0.0.1', port: 0 }

function change(place: string, edit: (own: Record<string, unknown>) => void): void {
  const file = join(place, 'photonward.json')
  const own = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
  edit(own)
  writeFileSync(file, JSON.stringify(own), { mode: 0o600 })
}

const look = (folder: string, passphrase?: Uint8Array): Promise<CheckView[]> =>
  Array.fromAsync(examine({ folder, passphrase }))

const stateOf = (checks: readonly CheckView[], name: string): string | undefined =>
  checks.find(({ check }) => check === name)?.state

const named = (checks: readonly CheckView[], name: string): CheckView => {
  const found = checks.find(({ check }) => check === name)
  assert(found !== undefined, `${name} in ${checks.map(({ check }) => check).join(', ')}`)
  return found
}

test('a site that was set up and never started has nothing that fails', async (t) => {
  const { bristol } = await folders(t)
  const checks = await look(bristol)
  assert.deepEqual(
    checks.filter(({ state }) => state === 'fail'),
    [],
  )
  for (const name of ['runtime', 'random source', 'folder', 'permissions', 'trust', 'keys']) {
    assert.equal(stateOf(checks, name), 'ok', name)
  }
  assert.equal(stateOf(checks, 'daemon'), 'warn')
  assert.equal(stateOf(checks, 'log'), 'skip')
  assert.match(named(checks, 'daemon').next ?? '', /photonward serve --site/)
})

test('each fault of folder, configuration and ports is found, and says what to do', async (t) => {
  const { bristol } = await folders(t)
  chmodSync(bristol, 0o755)
  const open = await look(bristol)
  assert.equal(stateOf(open, 'folder'), 'fail')
  assert.match(named(open, 'folder').next ?? '', /chmod 700/)
  chmodSync(bristol, 0o700)
  chmodSync(join(bristol, 'root.key'), 0o622)
  assert.match(named(await look(bristol), 'permissions').says, /root\.key/)
  chmodSync(join(bristol, 'root.key'), 0o600)

  const other = createServer()
  await new Promise<void>((ready) => other.listen(0, '127.0.0.1', ready))
  t.after(() => other.close())
  const { port } = other.address() as { port: number }
  change(bristol, (own) => (own['northListener'] = { host: '127.0.0.1', port }))
  const occupied = named(await look(bristol), 'port for applications')
  assert.equal(occupied.state, 'fail')
  assert.match(occupied.says, new RegExp(String(port)))

  change(bristol, (own) => (own['saes'] = [{ sae: 'x', site: 'nowhere' }]))
  assert.match(named(await look(bristol), 'configuration').says, /which is no peer/)
  change(bristol, (own) => (own['prfile'] = 'demo'))
  const broken = await look(bristol)
  assert.equal(broken.at(-1)?.check, 'configuration')
  assert.match(broken.at(-1)?.says ?? '', /did you mean "profile"/)
})

test('the end of lists and certificates is told in time, with the command that renews', async (t) => {
  const { authority, bristol } = await folders(t)
  const now = Date.now()
  t.mock.timers.enable({ apis: ['Date'], now: now + 5 * DAY_MS })
  const soon = named(await look(bristol), 'revocation list northbound')
  assert.equal(soon.state, 'warn')
  assert.match(soon.says, /ends in (?:1 day|2 days|less than a day)/)
  assert.match(soon.next ?? '', /^photonward pki publish <authority> /)
  t.mock.timers.setTime(now + 8 * DAY_MS)
  const over = await look(bristol)
  assert.equal(named(over, 'revocation list northbound').state, 'fail')
  await publish(authority, [bristol])
  assert.equal(stateOf(await look(bristol), 'trust'), 'ok')
  t.mock.timers.setTime(now + 25 * DAY_MS)
  await publish(authority, [bristol])
  const renewing = named(await look(bristol), 'certificate between sites')
  assert.equal(renewing.state, 'warn')
  assert.match(renewing.next ?? '', /photonward pki request .* photonward pki issue/)
})

test('a root key under a passphrase is looked at only with it', async (t) => {
  const passphrase = utf8('ward of long nights')
  const { bristol } = await folders(t, passphrase)
  assert.equal(stateOf(await look(bristol), 'keys'), 'skip')
  assert.equal(stateOf(await look(bristol, passphrase), 'keys'), 'ok')
  assert.equal(stateOf(await look(bristol, utf8('another')), 'keys'), 'fail')
})

test('a folder without grant, or without a peer, is told apart', async (t) => {
  const { bristol, cambridge } = await folders(t)
  change(bristol, (own) => {
    own['peers'] = [{ site: 'oxford', kme: 'kme.oxford', host: 'localhost', port: 1 }]
  })
  const missing = (await look(bristol)).filter(({ check }) => check === 'peer oxford')
  assert.match(missing[0].says, /no statement of the peer oxford/)
  assert.equal(missing[0].state, 'fail')
  rmSync(join(cambridge, 'grant.cbor'))
  const bare = named(await look(cambridge), 'trust')
  assert.equal(bare.state, 'fail')
  assert.match(bare.next ?? '', /photonward pki issue/)
})
