import Commands
import Foundation

exit(Goud.run(Array(CommandLine.arguments.dropFirst())).rawValue)
