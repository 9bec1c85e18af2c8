/**
 * The socket over which other commands ask `network up` to kill a site, or to start it again: only
 * the parent of a process knows for sure which one it is.
 *
 * It lies in the network's folder, which nobody else may enter. One line of JSON each way.
 *
 * @module
 */

import { rmSync } from 'node:fs'
import { createServer, connect } from 'node:net'
import { join } from 'node:path'
import { door, Exactly, OneOf, Refusal, Text, Type } from '#base'
import { CliRefusal } from '../exit.ts'

const AskedShape = Exactly({ act: OneOf('kill', 'start'), site: Text(63, 1) })
const AnswerShape = Type.Union([
  Exactly({ done: Type.Literal(true) }),
  Exactly({ code: Text(64), message: Text(400) }),
])

/** What may be asked of a running network. */
export interface Asked {
  readonly act: 'kill' | 'start'
  readonly site: string
}

/** Listens until it is closed. @throws CliRefusal `NETWORK_IN_USE` */
export async function openControl(
  folder: string,
  perform: (asked: Asked) => Promise<void>,
): Promise<AsyncDisposable> {
  const path = join(folder, SOCKET)
  const server = createServer((socket) => {
    let text = ''
    socket.setEncoding('utf8').setTimeout(ANSWER_MS, () => socket.destroy())
    socket.on('error', () => undefined)
    socket.on('data', (chunk: string) => {
      text += chunk
      if (text.length > LINE_MAX) socket.destroy()
      if (!text.endsWith('\n')) return
      const asked = text
      text = ''
      void answerTo(asked, perform).then((answer) => socket.end(`${JSON.stringify(answer)}\n`))
    })
  })
  if (await isAnswered(path)) {
    throw new CliRefusal('NETWORK_IN_USE', `Another command runs the network in ${folder}`)
  }
  // What a run left that was killed.
  rmSync(path, { force: true })
  const { promise, resolve, reject } = Promise.withResolvers<undefined>()
  server.once('error', reject)
  server.listen(path, () => resolve(undefined))
  await promise
  return {
    [Symbol.asyncDispose]: () => new Promise<void>((closed) => server.close(() => closed())),
  }
}

async function answerTo(line: string, perform: (asked: Asked) => Promise<void>): Promise<unknown> {
  try {
    await perform(openAsked(JSON.parse(line)))
    return { done: true }
  } catch (error) {
    if (!(error instanceof Refusal)) return { code: 'CONTROL_INVALID', message: 'Expected JSON' }
    const { code, message } = error as Refusal
    return { code, message }
  }
}

/** Asks the command that runs the network in a folder. @throws CliRefusal */
export async function askControl(folder: string, asked: Asked): Promise<void> {
  const answer = await new Promise<string>((resolve, reject) => {
    let text = ''
    const socket = connect(join(folder, SOCKET), () => socket.write(`${JSON.stringify(asked)}\n`))
    socket.setEncoding('utf8').setTimeout(ANSWER_MS, () => socket.destroy())
    socket.on('data', (chunk: string) => (text += chunk))
    socket.once('error', (cause) => reject(notUp(folder, cause)))
    socket.once('close', () => resolve(text))
  })
  if (answer === '') throw notUp(folder, undefined)
  const said = openAnswer(JSON.parse(answer))
  if ('code' in said) throw new CliRefusal(said.code, said.message)
}

const isAnswered = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

const notUp = (folder: string, cause: unknown): CliRefusal =>
  new CliRefusal('NETWORK_NOT_RUNNING', `No network up answers in ${folder}`, { cause })

const openAsked = door(AskedShape, 'order to a network')
const openAnswer = door(AnswerShape, 'answer of a network')
const SOCKET = 'control.sock'
const ANSWER_MS = 30_000
const LINE_MAX = 1024
