/**
 * Account of every key that left a KME of a world, and what is wrong with it.
 *
 * A key counts as given out when the daemon has made the answer, whether or not it arrived: from
 * then on nobody may get it a second time.
 *
 * @module
 */

/** A key as GS QKD 014 §6.3 writes it. */
export interface WorldKey {
  readonly key_ID: string
  readonly key: string
}

/** Who got a key, and where. */
export interface Delivery {
  readonly site: string
  readonly sae: string
}

interface Made {
  readonly by: Delivery
  readonly key: string
  readonly slaves: readonly string[]
}

/** Tells each fault at once. */
export class KeyLedger {
  readonly #report: (fault: string) => void
  readonly #made = new Map<string, Made>()
  readonly #octets = new Map<string, string>()
  /** By key_ID and SAE. */
  readonly #fetched = new Map<string, Delivery>()
  /** key_IDs whose answer to enc_keys has arrived. */
  readonly #acknowledged = new Set<string>()

  constructor(report: (fault: string) => void) {
    this.#report = report
  }

  /** A KME has answered enc_keys. */
  gaveToMaster(by: Delivery, slaves: readonly string[], keys: readonly WorldKey[]): void {
    for (const { key_ID, key } of keys) {
      if (this.#made.has(key_ID)) this.#report(`key ${key_ID} was made twice`)
      const other = this.#octets.get(key)
      if (other !== undefined) this.#report(`key ${key_ID} has the octets of ${other}`)
      this.#made.set(key_ID, { by, key, slaves })
      this.#octets.set(key, key_ID)
    }
  }

  /** The answer to enc_keys has arrived at the master. */
  acknowledged(keys: readonly WorldKey[]): void {
    for (const { key_ID } of keys) this.#acknowledged.add(key_ID)
  }

  /** A KME has answered dec_keys. */
  gaveToSlave(to: Delivery, asked: readonly string[], keys: readonly WorldKey[]): void {
    const given = keys.map(({ key_ID }) => key_ID)
    if (given.join() !== asked.join()) this.#report(`dec_keys of ${asked.join()} gave others`)
    for (const { key_ID, key } of keys) {
      const made = this.#made.get(key_ID)
      const name = `${key_ID} ${to.sae}`
      if (made === undefined) this.#report(`key ${key_ID} was delivered, but never made`)
      else if (made.key !== key) this.#report(`key ${key_ID} differs at the two ends`)
      if (made?.slaves.includes(to.sae) === false) {
        this.#report(`key ${key_ID} went to ${to.sae}, for whom it was not made`)
      }
      if (this.#fetched.has(name)) this.#report(`key ${key_ID} was delivered twice to ${to.sae}`)
      this.#fetched.set(name, to)
    }
  }

  /** How many keys masters have got. */
  get madeCount(): number {
    return this.#acknowledged.size
  }

  get deliveredCount(): number {
    return this.#fetched.size
  }

  /** Whether applications know a key of this key_ID. */
  has(key_ID: string): boolean {
    return this.#made.has(key_ID)
  }

  /** key_IDs given to masters at a site. */
  madeAt(site: string): readonly string[] {
    return [...this.#made].filter(([, { by }]) => by.site === site).map(([id]) => id)
  }

  /** Deliveries at a site, as `key_ID sae`. */
  deliveredAt(site: string): readonly string[] {
    return [...this.#fetched].filter(([, at]) => at.site === site).map(([name]) => name)
  }
}
