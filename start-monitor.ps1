<#
.SYNOPSIS
Builds etcd-monitor when needed and starts it in the foreground.

.DESCRIPTION
Give -Endpoints for one cluster or -Config for a file that describes any number of them. The
program prints the address of its API when it is up. Whatever stands after the named parameters
goes to etcd-monitor as it is. With the environment variable ETCD_MONITOR_BINARY set, that program
is started and nothing is built.

.PARAMETER Endpoints
Client addresses of the cluster's members, HOST:PORT, comma separated; one is enough.

.PARAMETER Config
A YAML file with any number of clusters.

.PARAMETER ClusterName
What to call the cluster.

.PARAMETER ApiHost
Where to serve the API; 127.0.0.1 when not given.

.PARAMETER ApiPort
On which port to serve it; 8080 when not given, 0 takes a free one.

.PARAMETER CaCert
The CA of the members' certificates.

.PARAMETER Cert
Our client certificate; goes with -Key.

.PARAMETER Key
The key of our client certificate; goes with -Cert.

.PARAMETER User
Who we are to the members.

.PARAMETER PasswordFile
The file with that user's password.

.PARAMETER SkipBuild
Start the program that is there.

.PARAMETER Help
Show this text.

.EXAMPLE
.\start-monitor.ps1 -Endpoints 10.0.0.1:2379,10.0.0.2:2379,10.0.0.3:2379 -ApiPort 9090

.EXAMPLE
.\start-monitor.ps1 -Endpoints https://etcd-1:2379 -CaCert ca.pem -Cert me.pem -Key me.key

.EXAMPLE
.\start-monitor.ps1 -Config etcd-monitor.yaml
#>
[CmdletBinding(PositionalBinding = $false)]
param(
    [string[]] $Endpoints = @(),
    [string] $Config = '',
    [string] $ClusterName = '',
    [string] $ApiHost = '',
    [string] $ApiPort = '',
    [string] $CaCert = '',
    [string] $Cert = '',
    [string] $Key = '',
    [string] $User = '',
    [string] $PasswordFile = '',
    [switch] $SkipBuild,
    [switch] $Help,
    [Parameter(ValueFromRemainingArguments = $true)]
    [string[]] $Rest = @()
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'

# Exit codes as etcd-monitor's own.
$BadInput = 3
$BadArguments = 128

function Stop-WithMessage {
    param([int] $Code, [string] $Message)
    [Console]::Error.WriteLine("start-monitor.ps1: $Message")
    exit $Code
}

function Assert-Port {
    param([string] $Port)
    $number = 0
    if (-not [int]::TryParse($Port, [ref] $number) -or $number -lt 0 -or $number -gt 65535) {
        Stop-WithMessage $BadArguments "-ApiPort is $Port, but a port is a number from 0 to 65535"
    }
}

function Assert-File {
    param([string] $Parameter, [string] $Path)
    if (-not (Test-Path -LiteralPath $Path)) {
        Stop-WithMessage $BadInput "$Parameter names $Path, which does not exist"
    }
    if (-not (Test-Path -LiteralPath $Path -PathType Leaf)) {
        Stop-WithMessage $BadInput "$Parameter names $Path, which is not a file"
    }
}

# Only the shape: what stands behind an address is etcd-monitor's to find out.
function Assert-Endpoints {
    param([string[]] $List)
    foreach ($endpoint in ($List -join ',').Split(',')) {
        if ($endpoint -eq '' -or $endpoint -match '\s') {
            Stop-WithMessage $BadArguments "-Endpoints has '$endpoint' in it; write HOST:PORT,HOST:PORT without spaces"
        }
    }
}

function Assert-Cargo {
    param([string] $Root)
    $pattern = '^rust-version = "(.*)"$'
    $found = Select-String -Path (Join-Path $Root 'Cargo.toml') -Pattern $pattern | Select-Object -First 1
    $needed = $found.Matches[0].Groups[1].Value
    if ($null -eq (Get-Command cargo -ErrorAction SilentlyContinue)) {
        Stop-WithMessage 1 "cargo is not on PATH: install Rust $needed or newer with rustup (https://rustup.rs)"
    }
    $have = ((& cargo --version) -split ' ')[1] -replace '-.*$', ''
    if ([version] $have -lt [version] $needed) {
        Stop-WithMessage 1 "cargo is $have, but etcd-monitor needs Rust ${needed}: run 'rustup update'"
    }
}

if ($Help) {
    Get-Help -Name $PSCommandPath -Detailed
    exit 0
}

$root = $PSScriptRoot
$arguments = @()
if ($Endpoints.Count -gt 0) {
    Assert-Endpoints $Endpoints
    $arguments += @('--endpoints', ($Endpoints -join ','))
}
if ($ApiPort -ne '') {
    Assert-Port $ApiPort
    $arguments += @('--api-port', $ApiPort)
}
$files = @(
    @('-Config', '--config', $Config),
    @('-CaCert', '--cacert', $CaCert),
    @('-Cert', '--cert', $Cert),
    @('-Key', '--key', $Key),
    @('-PasswordFile', '--password-file', $PasswordFile)
)
foreach ($file in $files) {
    if ($file[2] -ne '') {
        Assert-File $file[0] $file[2]
        $arguments += @($file[1], $file[2])
    }
}
if (($Cert -eq '') -ne ($Key -eq '')) {
    Stop-WithMessage $BadArguments '-Cert and -Key go together: give both or none'
}
if ($ClusterName -ne '') { $arguments += @('--cluster-name', $ClusterName) }
if ($ApiHost -ne '') { $arguments += @('--api-host', $ApiHost) }
if ($User -ne '') { $arguments += @('--user', $User) }
$arguments += $Rest

$named = $Endpoints.Count -gt 0 -or $Config -ne '' -or $Rest -contains '--discovery-srv'
if (-not ($named -or $env:ETCD_MONITOR_ENDPOINTS -or $env:ETCD_MONITOR_CONFIG -or $env:ETCD_MONITOR_DISCOVERY_SRV)) {
    Stop-WithMessage $BadArguments 'nothing to watch: give -Endpoints or -Config; -Help shows how'
}

$binary = $env:ETCD_MONITOR_BINARY
if (-not $binary) {
    $target = if ($env:CARGO_TARGET_DIR) { $env:CARGO_TARGET_DIR } else { Join-Path $root 'target' }
    $binary = Join-Path (Join-Path $target 'release') 'etcd-monitor.exe'
    if (-not $SkipBuild) {
        Assert-Cargo $root
        if (-not (Test-Path -LiteralPath $binary)) {
            Write-Host 'building etcd-monitor: a few minutes, the first time'
        }
        & cargo build --locked --release --package etcd-monitor --manifest-path (Join-Path $root 'Cargo.toml')
        if ($LASTEXITCODE -ne 0) {
            Stop-WithMessage 1 'the build failed; the messages above say why'
        }
    }
}
if (-not (Test-Path -LiteralPath $binary -PathType Leaf)) {
    Stop-WithMessage 1 "there is no program at $binary; start without -SkipBuild"
}
& $binary @arguments
exit $LASTEXITCODE
