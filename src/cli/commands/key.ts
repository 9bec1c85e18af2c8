/** Key pools, and keys for an application over ETSI GS QKD 014. @module */

import { closeSync, fsyncSync, openSync, unlinkSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { newContext, type Context } from '../context.ts'
import {
  askKme,
  containerOf,
  type KeyContainer,
  type KmeAccess,
  type KmePowers,
  type SaeKey,
  type SaeStatus,
} from '../etsi-014.ts'
import { CliRefusal } from '../exit.ts'
import { listing, style, table } from '../output.ts'
import { poolsView } from '../views.ts'
import { addCourierCommands, type CourierPowers } from './courier.ts'

/** How a command asks a KME, and where keys go. */
interface KeyFlags {
  readonly as: string
  readonly kme?: string
  readonly output?: string
  readonly reveal?: boolean
}

export function addKeyCommands(program: Command, powers: CourierPowers & KmePowers): void {
  const context = (): Context => newContext(program.opts())
  const key = program
    .command('key')
    .description('Keys: pools of this site, and keys for an application (ETSI GS QKD 014)')
    .addHelpText('after', KEY_HELP)
  key
    .command('status [slave]')
    .description('How many keys each pool can give out, or how many an application can get')
    .option('--as <folder>', 'with a slave: cert.pem, key.pem and ca.pem of the asking SAE')
    .option('--kme <url>', 'with a slave: the KME to ask (default: the running site)')
    .action(async (slave: string | undefined, flags: { as?: string; kme?: string }) => {
      const at = context()
      if (slave === undefined) at.out.data(await at.site().call('pools', {}, null), poolsView)
      else {
        const access = await accessOf(at, flags)
        const said = await askKme(powers, access, (client) => client.getStatus(slave))
        at.out.data(statusOf(said), statusView)
      }
    })
  asking(key.command('request <slave>'))
    .description('Make keys shared with a slave SAE; it fetches them by their key_IDs')
    .option('--number <count>', 'how many', '1')
    .option('--size <bits>', "bits of each (default: the KME's)")
    .option('--also <sae...>', 'further slave SAEs at the same KME')
    .action(async (slave: string, flags: KeyFlags & RequestFlags) => {
      const at = context()
      const request = {
        number: whole(flags.number, 'number'),
        ...(flags.size === undefined ? {} : { sizeBits: whole(flags.size, 'size') }),
        ...(flags.also === undefined ? {} : { additionalSlaves: flags.also }),
      }
      const access = await accessOf(at, flags)
      const fetch = () => askKme(powers, access, (client) => client.encKeys(slave, request))
      await deliver(at, { flags, peer: slave, fetch })
    })
  asking(key.command('get <master> <key-ids...>'))
    .description('Fetch keys that a master SAE has made for this one; each is given once')
    .action(async (master: string, ids: string[], flags: KeyFlags) => {
      const at = context()
      const access = await accessOf(at, flags)
      const fetch = () => askKme(powers, access, (client) => client.decKeys(master, { ids }))
      await deliver(at, { flags, peer: master, fetch })
    })
  addCourierCommands(program, key, powers)
}

interface RequestFlags {
  readonly number: string
  readonly size?: string
  readonly also?: string[]
}

const asking = (command: Command): Command =>
  command
    .requiredOption('--as <folder>', 'cert.pem, key.pem and ca.pem of the asking SAE')
    .option('--kme <url>', 'the KME to ask (default: the running site)')
    .option('-o, --output <file>', 'file for the keys, mode 0600 (default: keys-<SAE>-<time>.json)')
    .option('--reveal', 'print the keys instead of writing a file')

/** The KME named, or that of the running site. */
async function accessOf(
  { site }: Context,
  { as: folder, kme }: { readonly as?: string; readonly kme?: string },
): Promise<KmeAccess> {
  if (folder === undefined) {
    throw new CliRefusal('ARGUMENT_INVALID', 'Whose certificate shall be shown: --as <folder>')
  }
  const certificates = resolve(folder)
  if (kme !== undefined) {
    if (kme.startsWith('https://') && URL.canParse(kme)) return { url: kme, certificates }
    throw new CliRefusal('ARGUMENT_INVALID', '--kme must be a URL such as https://localhost:9443')
  }
  const { listeners } = await site().call('status', {}, null)
  const north = listeners.find(({ name }) => name.startsWith('north'))
  // A certificate names no address that stands for all of them.
  const address = north?.address.replace(/^(?:0\.0\.0\.0|\[::\]):/, 'localhost:')
  if (address !== undefined) return { url: `https://${address}`, certificates }
  throw new CliRefusal('KME_UNREACHABLE', 'The site does not listen for applications')
}

/**
 * Gets keys and puts them where they were asked for. The file is there before the keys are: a KME
 * gives each key once, and a full disk must not lose it.
 */
async function deliver(
  { out }: Context,
  {
    flags,
    peer,
    fetch,
  }: {
    readonly flags: KeyFlags
    readonly peer: string
    readonly fetch: () => Promise<readonly SaeKey[]>
  },
): Promise<void> {
  if (flags.reveal === true) {
    if (flags.output !== undefined) {
      throw new CliRefusal('ARGUMENT_INVALID', 'Either --reveal or --output, not both')
    }
    out.data(containerOf(await fetch()), revealedView)
    return
  }
  const file = resolve(flags.output ?? fileNameFor(peer))
  const { keys } = await intoFile(file, fetch)
  const shown = keys.map(({ key_ID, key }) => ({ key_ID, bits: bitsOf(key) }))
  out.data({ file, keys: shown }, writtenView)
}

async function intoFile(
  file: string,
  fetch: () => Promise<readonly SaeKey[]>,
): Promise<KeyContainer> {
  const handle = newFile(file)
  let written = false
  try {
    const container = containerOf(await fetch())
    try {
      writeFileSync(handle, `${JSON.stringify(container, undefined, 2)}\n`)
      fsyncSync(handle)
    } catch (cause) {
      throw new CliRefusal('FILE_UNWRITABLE', `Cannot write ${file}; the keys are lost`, { cause })
    }
    written = true
    return container
  } finally {
    closeSync(handle)
    if (!written) unlinkSync(file)
  }
}

function newFile(file: string): number {
  try {
    return openSync(file, 'wx', 0o600)
  } catch (cause) {
    throw new CliRefusal(
      'FILE_UNWRITABLE',
      `Cannot make the file ${file}, or it is there already`,
      {
        cause,
        next: 'name another with --output',
      },
    )
  }
}

const fileNameFor = (peer: string): string => {
  const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '')
  return `keys-${peer.replaceAll(/[^A-Za-z0-9._-]/g, '_')}-${time}.json`
}

const bitsOf = (key: string): number => Buffer.from(key, 'base64').length * 8

const writtenView = (result: {
  readonly file: string
  readonly keys: readonly { readonly key_ID: string; readonly bits: number }[]
}): string => {
  const rows = result.keys.map(({ key_ID, bits }) => [key_ID, String(bits)])
  return `${table([['KEY_ID', 'BITS'], ...rows])}\n\n${style.dim('written to')} ${result.file}`
}

const revealedView = ({ keys }: KeyContainer): string =>
  table([['KEY_ID', 'KEY (BASE64)'], ...keys.map(({ key_ID, key }) => [key_ID, key])])

/** Status of §6.1, of what the KME said. */
const statusOf = (said: SaeStatus) => ({
  source_KME_ID: said.sourceKme,
  target_KME_ID: said.targetKme,
  master_SAE_ID: said.masterSae,
  slave_SAE_ID: said.slaveSae,
  key_size: said.keySizeBits,
  stored_key_count: said.storedKeys ?? 0,
  max_key_per_request: said.maxKeysPerRequest,
  max_key_size: said.maxKeySizeBits,
  min_key_size: said.minKeySizeBits,
  max_SAE_ID_count: said.maxAdditionalSlaves ?? 0,
})

const statusView = (status: ReturnType<typeof statusOf>): string =>
  listing([
    ['KMEs', `${status.source_KME_ID ?? '?'} to ${status.target_KME_ID ?? '?'}`],
    ['SAEs', `${status.master_SAE_ID ?? '?'} to ${status.slave_SAE_ID ?? '?'}`],
    ['keys', `${String(status.stored_key_count)} of ${String(status.key_size ?? '?')} bits now`],
    ['a request', `up to ${String(status.max_key_per_request ?? '?')} keys`],
    [
      'a key',
      `${String(status.min_key_size ?? '?')} to ${String(status.max_key_size ?? '?')} bits`,
    ],
    ['further slaves', `up to ${String(status.max_SAE_ID_count)}`],
  ])

function whole(text: string, name: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new CliRefusal('ARGUMENT_INVALID', `--${name} must be a whole number above 0`)
}

const KEY_HELP = `
${style.bold('Examples')}
  photonward key status                                        pools of the running site
  photonward key status cambridge.ward --as ward/              what an application could get
  photonward key request cambridge.ward --as ward/ --number 2  two keys, into a file of mode 0600
  photonward key get bristol.ward <key_ID> --as ward/ --kme https://localhost:9444
A key is given to each application once: keep the file. Keys are printed only with --reveal.
`
