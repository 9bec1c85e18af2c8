/**
 * Connections that a listener has let in: none outlives its client's certificate, nor the trust under
 * which it was let in.
 *
 * TLS looks at certificates and revocation lists once, in the handshake; a connection that is kept in
 * use would serve a revoked client for ever. So each ends when the certificate does, and all end when
 * the lists are renewed: at once, or after the answer that is under way. Clients connect anew.
 *
 * @module
 */

import type { TLSSocket } from 'node:tls'

interface Admitted {
  /** Answers that are being made or sent. */
  underWay: number
  isOver: boolean
  timer: NodeJS.Timeout | undefined
}

/** Owns no socket: it ends them, and forgets them once they are closed. */
export class AdmittedSockets {
  readonly #admitted = new Map<TLSSocket, Admitted>()

  /** Takes note of a connection whose handshake is done. */
  admit(socket: TLSSocket): void {
    const one: Admitted = { underWay: 0, isOver: false, timer: undefined }
    this.#admitted.set(socket, one)
    socket.once('close', () => {
      clearTimeout(one.timer)
      this.#admitted.delete(socket)
    })
    const endsAt = socket.getPeerX509Certificate()?.validToDate.getTime()
    if (endsAt !== undefined) this.#endAt(socket, one, endsAt)
  }

  /** Whether a request may still be answered; if not, its connection ends with what is under way. */
  begin(socket: TLSSocket): boolean {
    const one = this.#admitted.get(socket)
    if (one === undefined || one.isOver) return false
    one.underWay++
    return true
  }

  /** An answer has been sent, or goes on for as long as its client listens. */
  done(socket: TLSSocket): void {
    const one = this.#admitted.get(socket)
    if (one === undefined) return
    one.underWay--
    if (one.isOver && one.underWay === 0) socket.end()
  }

  /** Ends every connection, those that wait for an answer after it. */
  endAll(): void {
    for (const [socket, one] of this.#admitted) end(socket, one)
  }

  /** Ends every connection at once. */
  destroyAll(): void {
    for (const socket of this.#admitted.keys()) socket.destroy()
  }

  #endAt(socket: TLSSocket, one: Admitted, endsAt: number): void {
    const leftMs = endsAt - Date.now()
    if (leftMs <= 0) {
      end(socket, one)
      return
    }
    const again = (): void => this.#endAt(socket, one, endsAt)
    one.timer = setTimeout(again, Math.min(leftMs, TIMER_MS_MAX)).unref()
  }
}

function end(socket: TLSSocket, one: Admitted): void {
  one.isOver = true
  if (one.underWay === 0) socket.destroy()
}

/** Longer ones Node would let fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1
