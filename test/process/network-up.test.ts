/**
 * `network up` as a command: two hospitals and a trusted node between them run as processes, share
 * keys, lose the node and a fibre, and leave nothing behind.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { openNetworkFile, type NetworkFile } from '#contract'
import { DaemonProcess, photonward } from '../support/processes.ts'
import { newFolder } from '../support/two-sites.ts'
import { Hopeless, until } from '../support/until.ts'

interface Sample {
  readonly sites: readonly { readonly site: string; readonly answers: boolean }[]
  readonly links: readonly { readonly link: string; readonly attack: string }[]
  readonly pairs: readonly {
    readonly state: string | null
    readonly blocks: number
    readonly keys: number
    readonly ways: readonly (readonly string[])[]
  }[]
}

/** Alone on two cores it takes a fifth of that. */
const LIMIT_MS = 180_000

const assumed = (value: number) => ({ value, source: 'assumed' })
const node = (site: string, kind: 'hospital' | 'trusted-node', longitude: number) => ({
  ...{ site, title: site, kind },
  place: { latitude: 52, longitude, source: 'assumed' },
})
const link = (a: string, b: string) => ({
  ...{ a, b, medium: 'fibre', preset: 'cambridge-metro' },
  ...{ lengthKm: assumed(5), lossDb: assumed(2) },
})

const line: NetworkFile = openNetworkFile({
  ...{ name: 'line', title: 'Two hospitals and a trusted node', remarks: [] },
  nodes: [
    node('east', 'hospital', 0),
    node('middle', 'trusted-node', 0.1),
    node('west', 'hospital', 0.2),
  ],
  links: [link('east', 'middle'), link('middle', 'west')],
  pairs: [{ a: 'east', b: 'west', shares: 2, sharesLeast: 1 }],
})

/** Tables of records in a store that may be in use. */
function recordTables(file: string): readonly unknown[] {
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    return database.prepare("select name from sqlite_master where name like 'vault_%'").all()
  } finally {
    database.close()
  }
}

/** Processes of this machine whose command line names a folder. */
const processesIn = (folder: string): readonly string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((id) => {
      try {
        return readFileSync(`/proc/${id}/cmdline`, 'utf8').includes(folder)
      } catch {
        return false // It has ended in the meantime.
      }
    })

test('a network comes up, relays keys, can be disturbed, and ends without a trace', async (t) => {
  const place = newFolder(t)
  const [file, folder] = [join(place, 'line.json'), join(place, 'run')]
  writeFileSync(file, JSON.stringify(line))
  const up = new DaemonProcess('network', ['--json', 'network', 'up', file, '--folder', folder])
  t.after(() => up.kill('SIGTERM'))
  up.launch()
  const sees = (what: string, enough: (sample: Sample) => boolean): Promise<Sample> =>
    until(
      what,
      () => {
        if (!up.isRunning) throw new Hopeless(`network up has ended: ${up.output}`)
        const whole = up.output.split('\n').slice(0, -1).at(-1)
        const sample = whole === undefined ? undefined : (JSON.parse(whole) as Sample)
        return sample !== undefined && enough(sample) && sample
      },
      LIMIT_MS,
    )
  const asked = async (...args: readonly string[]): Promise<void> => {
    const ended = await photonward(['network', ...args, '--folder', folder])
    assert.equal(ended.status, 0, ended.stderr)
  }
  const sound = await sees(
    'keys are relayed',
    ({ pairs }) => pairs[0].blocks > 0 && pairs[0].keys > 0,
  )
  assert.deepEqual(sound.pairs[0].ways, [['east', 'middle', 'west']])
  assert(sound.sites.every(({ answers }) => answers))

  const middle = join(folder, 'sites', 'middle')
  const status = await photonward(['--json', '--site', middle, 'status'])
  assert.equal((JSON.parse(status.stdout) as { role: string }).role, 'trusted-node')
  const refused = await photonward(['--site', middle, 'record', 'list'])
  assert.match(refused.stderr, /SITE_KEEPS_NO_RECORDS/)
  assert.deepEqual(recordTables(join(middle, 'state.db')), [], 'a trusted node has no vault')
  assert.notDeepEqual(recordTables(join(folder, 'sites', 'east', 'state.db')), [])

  const answers = ({ sites }: Sample): boolean =>
    sites.find(({ site }) => site === 'middle')?.answers === true
  await asked('kill', 'middle')
  await sees('the trusted node is gone', (sample) => !answers(sample))
  await asked('start', 'middle')
  await sees('it is back', answers)

  await asked('cut', 'middle-west')
  await sees('a fibre is cut', ({ links }) => links[1].attack === 'fibre-cut')
  await asked('mend', 'middle-west')
  await sees('it is mended', ({ links }) => links[1].attack === 'none')

  const unknown = await photonward(['network', 'kill', 'paris', '--folder', folder])
  assert.equal(unknown.status, 3)
  const second = await photonward(['network', 'up', file, '--folder', folder])
  assert.match(second.stderr, /FOLDER_IN_USE/)

  await up.kill('SIGINT')
  assert.equal((await up.ended()).status, 130)
  assert.deepEqual(processesIn(folder), [])
  assert(existsSync(join(folder, 'network.json')), 'a folder that was named stays')
  const after = await photonward(['network', 'kill', 'middle', '--folder', folder])
  assert.match(after.stderr, /NETWORK_NOT_RUNNING/)
})
