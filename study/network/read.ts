/**
 * Network files: those that come with the product, by name, and others by path.
 *
 * @module
 */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { NetworkFileRefusal, openNetworkFile, type NetworkFile } from '#contract'

/** The networks that come with the product. */
export const networkNames = (): readonly string[] =>
  readdirSync(FOLDER)
    .filter((file) => file.endsWith(SUFFIX))
    .map((file) => file.slice(0, -SUFFIX.length))
    .toSorted()

/**
 * Reads a network by name or path.
 *
 * @throws NetworkFileRefusal, ShapeRefusal
 */
export function readNetwork(nameOrPath: string): NetworkFile {
  const preset = networkNames().includes(nameOrPath)
  return openNetworkFile(jsonAt(preset ? join(FOLDER, nameOrPath + SUFFIX) : resolve(nameOrPath)))
}

function jsonAt(path: string): unknown {
  if (!existsSync(path) || statSync(path).size > FILE_OCTETS_MAX) {
    const known = networkNames().join(', ')
    throw invalid(`Expected a file of at most 4 MiB, or one of ${known}; got ${path}`)
  }
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw invalid(`Expected JSON in ${path}`, cause)
  }
}

const invalid = (message: string, cause?: unknown): NetworkFileRefusal =>
  new NetworkFileRefusal('NETWORK_FILE_INVALID', message, { cause })

const FOLDER = resolve(import.meta.dirname, '../../presets/networks')
const SUFFIX = '.json'
const FILE_OCTETS_MAX = 4 * 1024 * 1024
