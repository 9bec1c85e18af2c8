/**
 * The attack lab of the console: simulated fibres on this machine, asked over their own admin sockets.
 *
 * There for the profile `demo` alone, whose patients are invented. A fibre is named by its link.
 *
 * @module
 */

import { request } from 'node:http'
import { resolve } from 'node:path'
import { door, textOf, type TSchema } from '#base'
import {
  fibreRoutes,
  type AttackView,
  type FibreView,
  type Handlers,
  type LabRoutes,
} from '#contract'
import { GatewayRefusal } from './refusal.ts'

/** @param folders   of fibres; relative ones from the site's folder, which is `base` */
export function labHandlers(base: string, folders: readonly string[]): Handlers<LabRoutes> {
  const sockets = folders.map((folder) => resolve(base, folder, 'admin.sock'))
  const views = async (): Promise<readonly (readonly [string, FibreView])[]> => {
    const asked = await Promise.all(
      sockets.map(async (socket) => {
        const view = await ask(socket, fibreRoutes.fibre, openFibre)
        return view === undefined ? [] : [[socket, view] as const]
      }),
    )
    return asked.flat()
  }
  return {
    fibres: async () => (await views()).map(([, view]) => view),
    attackFibre: async ({ link }, attack: AttackView) => {
      const [socket] = (await views()).find(([, view]) => view.link === link) ?? []
      const view =
        socket === undefined
          ? undefined
          : await ask(socket, fibreRoutes.attack, openAttacked, attack)
      if (view !== undefined) return view
      throw new GatewayRefusal('FIBRE_UNKNOWN', 'No simulated fibre of that link answers here')
    },
  }
}

/** @returns undefined if no fibre answers there, or it refuses */
async function ask<T>(
  socketPath: string,
  { method, path }: { readonly method: string; readonly path: string },
  open: (value: unknown) => T,
  body?: unknown,
): Promise<T | undefined> {
  const { promise, resolve: settle } = Promise.withResolvers<Buffer | undefined>()
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
    answer.once('end', () => settle(answer.statusCode === 200 ? Buffer.concat(chunks) : undefined))
  })
  call.once('error', () => settle(undefined))
  call.end(body === undefined ? undefined : JSON.stringify(body))
  const octets = await promise
  return octets && open(JSON.parse(textOf(octets)))
}

const doorOf = <S extends TSchema>(shape: S) => door(shape, 'answer of a fibre')
const openFibre = doorOf(fibreRoutes.fibre.answer)
const openAttacked = doorOf(fibreRoutes.attack.answer)
const ANSWER_MS = 5000
const ANSWER_OCTETS_MAX = 65_536
