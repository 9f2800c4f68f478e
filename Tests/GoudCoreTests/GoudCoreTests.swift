// GoudCore
