/**
 * Looks at what a machine does with the memory and the clock of a daemon: swap, core files, time.
 *
 * Linux only, by what the kernel shows under `/proc` and `/sys`; elsewhere nothing is said. Whether a
 * service that is there really keeps the clock right is for the comparison with peers to show.
 *
 * @see proc(5), core(5), cgroups(7)
 * @module
 */

import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { CheckView } from '#contract'
import { line } from './check.ts'

/** @param root   where the machine's files are; another one in tests only */
export function* memoryChecks(heldFile: string, root = '/'): Generator<CheckView> {
  const swaps = textAt(join(root, 'proc/swaps'))
  if (swaps === undefined) return
  const pid = holderOf(heldFile, root)
  yield swapCheck(swaps, { root, pid })
  yield coreCheck({ root, pid })
}

/** Whether anything sets the clock of this machine. */
export function* clockCheck(root = '/'): Generator<CheckView> {
  if (!existsSync(join(root, 'proc/swaps'))) return
  if (existsSync(join(root, 'run/systemd/timesync/synchronized'))) {
    yield line('time service', 'ok', 'systemd-timesyncd has set the clock')
    return
  }
  const found = TIME_SERVICES.find(([, file]) => existsSync(join(root, file)))
  const next = 'run chrony or systemd-timesyncd: certificates, lists and keys have their times'
  if (found !== undefined) yield line('time service', 'ok', `${found[0]} runs`)
  else if (existsSync(join(root, 'run/systemd/timesync')))
    yield line('time service', 'warn', 'systemd-timesyncd has not set the clock yet', next)
  else {
    const says = 'none was found here; a container has the clock of its machine'
    yield line('time service', 'warn', says, next)
  }
}

interface Daemon {
  readonly root: string
  /** Undefined while it does not run, or is not ours to look at. */
  readonly pid: string | undefined
}

function swapCheck(swaps: string, { root, pid }: Daemon): CheckView {
  const rows = swaps.split('\n').slice(1)
  const devices = rows.map((row) => row.split(/\s+/)[0]).filter((device) => device !== '')
  if (devices.length === 0) return line('swap', 'ok', 'none is on')
  if (pid !== undefined && mayNotSwap(pid, root)) {
    return line('swap', 'ok', 'is on, and nothing of the daemon goes there')
  }
  const open = devices.filter((device) => !isSafe(basename(device), root))
  if (open.length === 0) return line('swap', 'ok', 'is encrypted, or in memory itself')
  const says = `keys may be written to ${open.join(' and ')}, which does not seem to be encrypted`
  return line('swap', 'warn', says, 'MemorySwapMax=0 in its unit, swapoff, or encrypt it')
}

/** Whether what is written to a block device is encrypted first, or stays in memory. */
function isSafe(device: string, root: string, depth = 0): boolean {
  const about = join(root, 'sys/class/block', device)
  if (/^zram\d+$/.test(device)) {
    return (textAt(join(about, 'backing_dev')) ?? 'none').trim() === 'none'
  }
  if (textAt(join(about, 'dm/uuid'))?.startsWith('CRYPT-') === true) return true
  const below = namesIn(join(about, 'slaves'))
  return (
    depth < DEVICES_DEEP_MAX &&
    below.length > 0 &&
    below.every((one) => isSafe(one, root, depth + 1))
  )
}

/** Whether the control group of a process, or one above it, keeps it out of swap. */
function mayNotSwap(pid: string, root: string): boolean {
  const own = /^0::(\/.*)$/m.exec(textAt(join(root, 'proc', pid, 'cgroup')) ?? '')?.[1]
  if (own === undefined) return false
  const parts = own.split('/').filter((part) => part !== '')
  return parts.some((_, at) => {
    const group = join(root, 'sys/fs/cgroup', ...parts.slice(0, at + 1))
    return textAt(join(group, 'memory.swap.max'))?.trim() === '0'
  })
}

function coreCheck({ root, pid }: Daemon): CheckView {
  const limits = pid === undefined ? undefined : textAt(join(root, 'proc', pid, 'limits'))
  const limit = /^Max core file size +(\S+)/m.exec(limits ?? '')?.[1]
  if (limit === undefined) return line('core files', 'skip', 'the limit of a daemon that runs')
  const pattern = textAt(join(root, 'proc/sys/kernel/core_pattern'))?.trim() ?? ''
  // A program that takes them is not bound by the limit; this one keeps to it by itself.
  const isBound = !pattern.startsWith('|') || pattern.includes('systemd-coredump')
  if (limit === '0' && isBound) return line('core files', 'ok', 'none is written of the daemon')
  const says =
    limit === '0'
      ? `the machine hands them to ${pattern.slice(1).split(' ')[0]}, whatever the limit`
      : 'one would hold all keys in memory if the daemon crashed'
  return line('core files', 'warn', says, 'LimitCORE=0 in its unit, and none to other programs')
}

/** The process of this account that has a file open. */
function holderOf(file: string, root: string): string | undefined {
  const processes = join(root, 'proc')
  return namesIn(processes).find((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false
    const open = join(processes, pid, 'fd')
    return namesIn(open).some((one) => linkAt(join(open, one)) === file)
  })
}

/** Processes end while they are looked at, and those of others are not shown. */
function quietly<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}

const textAt = (file: string): string | undefined => quietly(() => readFileSync(file, 'utf8'))
const namesIn = (folder: string): readonly string[] => quietly(() => readdirSync(folder)) ?? []
const linkAt = (file: string): string | undefined => quietly(() => readlinkSync(file))

/** Files that a time service has while it runs. */
const TIME_SERVICES: readonly (readonly [string, string])[] = [
  ['chronyd', 'run/chrony/chronyd.pid'],
  ['chronyd', 'run/chronyd.pid'],
  ['ntpd', 'run/ntpd.pid'],
  ['OpenNTPD', 'run/ntpd.sock'],
]
/** Layers of block devices: a volume on an encrypted partition is two. */
const DEVICES_DEEP_MAX = 8
