/** @module */
import type { DemoOptions, Powers } from '../commands/setup.ts'
import type { Output } from '../output.ts'

export function runDemo(_options: DemoOptions, _powers: Powers, _out: Output): Promise<number> {
  return Promise.resolve(1)
}
