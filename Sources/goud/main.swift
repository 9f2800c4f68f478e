import Commands
import Foundation
import GoudCore

exit(Goud.run(Array(CommandLine.arguments.dropFirst())).rawValue)
