module authlink

go 1.19
