import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { clockCheck, memoryChecks } from './doctor-machine.ts'
import { scratch } from './scratch.test.ts'

const LOCK = '/srv/sites/bristol/daemon.lock'
const HEAD = 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n'
const DISK = `${HEAD}/dev/sda2                               partition\t8388604\t\t0\t\t-2\n`
const LIMITS = (core: string): string =>
  `Limit                     Soft Limit           Hard Limit           Units\n` +
  `Max cpu time              unlimited            unlimited            seconds\n` +
  `Max core file size        ${core}                    ${core}                    bytes\n`

/** A machine with these files, and a daemon of process 4711 where `isServing`. */
function machine(t: TestContext, files: Readonly<Record<string, string>>, isServing = true) {
  const root = scratch(t)
  const all = { 'proc/swaps': HEAD, 'proc/sys/kernel/core_pattern': 'core\n', ...files }
  for (const [name, text] of Object.entries(all)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), text)
  }
  if (isServing) {
    mkdirSync(join(root, 'proc/4711/fd'), { recursive: true })
    symlinkSync(LOCK, join(root, 'proc/4711/fd/17'))
  }
  return root
}

const checked = (root: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [...memoryChecks(LOCK, root), ...clockCheck(root)].map(({ check, state }) => [check, state]),
  )

test('swap without encryption is warned of, and named', (t) => {
  const root = machine(t, { 'proc/swaps': DISK })
  assert.equal(checked(root)['swap'], 'warn')
  const [{ says, next }] = [...memoryChecks(LOCK, root)]
  assert.match(says, /\/dev\/sda2/)
  assert.match(next ?? '', /MemorySwapMax=0/)
})

test('swap that is off, encrypted, in memory, or closed to the daemon is well', (t) => {
  const swapOn = (device: string) => `${HEAD}/dev/${device}  partition 8388604 0 -2\n`
  const well: readonly Readonly<Record<string, string>>[] = [
    {},
    { 'proc/swaps': swapOn('dm-1'), 'sys/class/block/dm-1/dm/uuid': 'CRYPT-PLAIN-swap\n' },
    {
      'proc/swaps': swapOn('dm-2'),
      'sys/class/block/dm-2/dm/uuid': 'LVM-x\n',
      'sys/class/block/dm-2/slaves/dm-0': '',
      'sys/class/block/dm-0/dm/uuid': 'CRYPT-LUKS2-y\n',
    },
    { 'proc/swaps': swapOn('zram0'), 'sys/class/block/zram0/backing_dev': 'none\n' },
    {
      'proc/swaps': DISK,
      'proc/4711/cgroup': '0::/system.slice/photonward.service\n',
      'sys/fs/cgroup/system.slice/photonward.service/memory.swap.max': '0\n',
    },
  ]
  for (const files of well) {
    assert.equal(checked(machine(t, files))['swap'], 'ok', JSON.stringify(files))
  }
})

test('what only looks like it is not taken for encrypted swap', (t) => {
  const swapOn = (device: string) => `${HEAD}/dev/${device}  partition 8388604 0 -2\n`
  const ill: readonly Readonly<Record<string, string>>[] = [
    { 'proc/swaps': swapOn('dm-1'), 'sys/class/block/dm-1/dm/uuid': 'LVM-CRYPT-\n' },
    {
      'proc/swaps': swapOn('dm-2'),
      'sys/class/block/dm-2/slaves/dm-0': '',
      'sys/class/block/dm-0/dm/uuid': 'CRYPT-LUKS2-y\n',
      'sys/class/block/dm-2/slaves/sdb1': '',
    },
    { 'proc/swaps': swapOn('zram0'), 'sys/class/block/zram0/backing_dev': '/dev/sda3\n' },
    { 'proc/swaps': `${DISK}/dev/zram0 partition 1 0 100\n` },
    {
      'proc/swaps': DISK,
      'proc/4711/cgroup': '0::/system.slice/photonward.service\n',
      'sys/fs/cgroup/system.slice/photonward.service/memory.swap.max': 'max\n',
    },
    {
      'proc/swaps': DISK,
      'proc/4712/cgroup': '0::/other.service\n',
      'sys/fs/cgroup/other.service/memory.swap.max': '0\n',
    },
  ]
  for (const files of ill) {
    assert.equal(checked(machine(t, files))['swap'], 'warn', JSON.stringify(files))
  }
})

test('a daemon that may leave a core file is warned of; one that does not run is not judged', (t) => {
  const of = (core: string, pattern = 'core') => ({
    'proc/4711/limits': LIMITS(core),
    'proc/sys/kernel/core_pattern': `${pattern}\n`,
  })
  const state = (files: Readonly<Record<string, string>>, isServing = true) =>
    checked(machine(t, files, isServing))['core files']
  assert.equal(state(of('0')), 'ok')
  assert.equal(state(of('0', '|/usr/lib/systemd/systemd-coredump %P %u')), 'ok')
  assert.equal(state(of('unlimited')), 'warn')
  assert.equal(state(of('4096')), 'warn')
  assert.equal(state(of('0', '|/usr/share/apport/apport -p%p')), 'warn')
  assert.equal(state(of('0'), false), 'skip')
})

test('a clock that nothing sets is warned of', (t) => {
  const state = (files: Readonly<Record<string, string>>) =>
    checked(machine(t, files))['time service']
  assert.equal(state({}), 'warn')
  assert.equal(state({ 'run/chrony/chronyd.pid': '812\n' }), 'ok')
  assert.equal(state({ 'run/systemd/timesync/synchronized': '' }), 'ok')
  assert.equal(state({ 'run/systemd/timesync/clock': '' }), 'warn')
})

test('where the kernel shows nothing, nothing is said', (t) => {
  assert.deepEqual(checked(scratch(t)), {})
})
