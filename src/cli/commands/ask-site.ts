/** What `init` asks a person for. @module */

import { askChoice, askNewSecret, askText, type Terminal } from '../ask.ts'

/** What makes a site, as flags would have given it. */
export interface AskedSite {
  readonly name: string
  readonly peerPort: string
  readonly northPort: string
  readonly demo: boolean
  readonly passphrase: Uint8Array | undefined
}

/** Asks for everything; what flags gave stands in the lines already. */
export async function askSite(
  terminal: Terminal,
  given: {
    readonly peerPort: string
    readonly northPort: string
    readonly passphraseFile?: string
  },
): Promise<AskedSite> {
  const name = await askText(terminal, {
    message: 'Name of the site',
    problem: (answer) => (SITE.test(answer) ? undefined : 'a-z, 0-9 and hyphens, at most 63'),
  })
  const port = (message: string, initial: string): Promise<string> =>
    askText(terminal, { message, initial, problem: portProblem })
  const peerPort = await port('Port where other sites reach it', given.peerPort)
  const northPort = await port('Port where applications ask for keys', given.northPort)
  const profile = await askChoice(terminal, 'What is it for', PROFILES)
  const passphrase =
    given.passphraseFile === undefined
      ? await askNewSecret(terminal, 'Passphrase of the root key; empty for none')
      : ''
  return {
    ...{ name, peerPort, northPort, demo: profile === 'demo' },
    passphrase: passphrase === '' ? undefined : new TextEncoder().encode(passphrase),
  }
}

function portProblem(answer: string): string | undefined {
  const port = Number(answer)
  const good = Number.isInteger(port) && port >= 1 && port <= 65_535
  return good ? undefined : 'a whole number from 1 to 65535'
}

const SITE = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const PROFILES = [
  { value: 'production', label: 'production', hint: 'simulated keys do not count as quantum' },
  { value: 'demo', label: 'demo', hint: 'simulated keys count; synthetic patients only' },
] as const
