/**
 * The attack lab of the console: simulated fibres on this machine, asked over their own admin sockets.
 *
 * There for the profile `demo` alone, whose patients are invented. A fibre is named by its link.
 *
 * @module
 */

import { request } from 'node:http'
import { resolve } from 'node:path'
import { door, Text, textOf, Type, type RandomSource, type TSchema } from '#base'
import {
  fibreRoutes,
  type AttackView,
  type FibreView,
  type Handlers,
  type LabRoutes,
} from '#contract'
import { figuresNamed } from '#optics'
import { compareDecoys } from '#site'
import { GatewayRefusal } from './refusal.ts'

/**
 * @param folders   of fibres; relative ones from the site's folder, which is `base`
 * @param random    of which the pulses of a comparison are drawn
 */
export function labHandlers(
  base: string,
  folders: readonly string[],
  random: RandomSource,
): Handlers<LabRoutes> {
  const sockets = folders.map((folder) => resolve(base, folder, 'admin.sock'))
  const views = async (): Promise<readonly (readonly [string, FibreView])[]> => {
    const asked = await Promise.all(
      sockets.map(async (socket) => {
        const said = await ask(socket, fibreRoutes.fibre)
        return said?.status === 200 ? [[socket, openFibre(said.value)] as const] : []
      }),
    )
    return asked.flat()
  }
  const fibreOf = async (link: string): Promise<readonly [string, FibreView]> => {
    const found = (await views()).find(([, view]) => view.link === link)
    if (found === undefined) throw unknownFibre()
    return found
  }
  return {
    fibres: async () => (await views()).map(([, view]) => view),
    attackFibre: async ({ link }, attack: AttackView) => {
      const [socket] = await fibreOf(link)
      const said = await ask(socket, fibreRoutes.attack, attack)
      if (said === undefined) throw unknownFibre()
      if (said.status === 200) return openAttacked(said.value)
      const { code, message } = openRefused(said.value).error
      throw new GatewayRefusal('FIBRE_REFUSED', message, { facts: { code } })
    },
    fibreFigures: async ({ link }) => {
      const [, { preset, clockHz }] = await fibreOf(link)
      return figuresNamed(preset).map(({ path, value, source }) =>
        path.endsWith('clockHz') ? { path, value: clockHz, source } : { path, value, source },
      )
    },
    compareDecoys: (_query, wish) =>
      folders.length === 0
        ? Promise.reject(unknownFibre())
        : Promise.resolve(compareDecoys(wish, random)),
  }
}

const unknownFibre = (): GatewayRefusal =>
  new GatewayRefusal('FIBRE_UNKNOWN', 'No simulated fibre of that link answers here')

interface Said {
  readonly status: number
  /** Read as JSON; what it means is for whoever asked. */
  readonly value: unknown
}

/** @returns undefined if no fibre answers there */
async function ask(
  socketPath: string,
  { method, path }: { readonly method: string; readonly path: string },
  body?: unknown,
): Promise<Said | undefined> {
  const { promise, resolve: settle } = Promise.withResolvers<Said | undefined>()
  const signal = AbortSignal.timeout(ANSWER_MS)
  const call = request({ socketPath, method, path, signal, agent: false }, (answer) => {
    const chunks: Buffer[] = []
    let octets = 0
    answer.on('data', (chunk: Buffer) => {
      octets += chunk.length
      if (octets > ANSWER_OCTETS_MAX) call.destroy()
      else chunks.push(chunk)
    })
    answer.once('close', () => settle(undefined))
    answer.once('end', () => {
      const value = jsonIn(Buffer.concat(chunks))
      settle(value === undefined ? undefined : { status: answer.statusCode ?? 0, value })
    })
  })
  call.once('error', () => settle(undefined))
  call.end(body === undefined ? undefined : JSON.stringify(body))
  return promise
}

function jsonIn(octets: Uint8Array): unknown {
  try {
    return JSON.parse(textOf(octets))
  } catch {
    return undefined
  }
}

const doorOf = <S extends TSchema>(shape: S) => door(shape, 'answer of a fibre')
const openFibre = doorOf(fibreRoutes.fibre.answer)
const openAttacked = doorOf(fibreRoutes.attack.answer)
const openRefused = doorOf(
  Type.Object({ error: Type.Object({ code: Text(64), message: Text(512) }) }),
)
const ANSWER_MS = 5000
const ANSWER_OCTETS_MAX = 65_536
